import assert from 'node:assert/strict'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { html } from '../../ui/html.ts'
import type { PageRequest } from '../route.ts'
import { type DeleteParts, deleteRoutes } from './delete-routes.ts'

describe('deleting what a search finds', () => {
  const query = 'since=2026-01-30T00%3A00%3A00.000Z&until=2026-01-31T00%3A00%3A00.000Z&tag=a'
  const slow = async () => {
    throw new PulltraceError(Code.Timeout, 'the search of events took longer than 10 s', { fix: 'search less' })
  }

  /** What somebody sees, and how often events were looked for meanwhile. */
  async function send(
    events: Partial<DeleteParts['events']>,
    form: Readonly<Record<string, string>>,
    signal = new AbortController().signal,
  ) {
    let searches = 0
    const parts: DeleteParts = {
      clock: { now: () => 0 },
      events: {
        deleteFound: async () => assert.fail('nothing may be deleted'),
        ...events,
        search: async (...args) => {
          searches++
          return (events.search ?? (async () => ({ items: [], nextCursor: undefined })))(...args)
        },
      },
    }
    const route = deleteRoutes(parts).find(({ method }) => method === 'POST')!
    const request = { form: new URLSearchParams(form), csrf: html``, actor: { name: 'user:root' }, signal }
    const answer = await route.handle(request as unknown as PageRequest)
    assert.ok('page' in answer)
    return { status: answer.status ?? 200, text: String(answer.page.body), searches }
  }

  it('says what is gone and offers the rest when it ended early, without looking for it again', async () => {
    const deleteFound = async () => ({ deleted: 3000, more: true })
    const { status, text, searches } = await send({ deleteFound, search: slow }, { query, sure: 'yes' })
    assert.deepEqual([status, searches], [200, 0])
    assert.match(text, /3,000 events are deleted\. There may be more of them/)
    assert.ok(text.includes(`name="query" value="${query.replaceAll('&', '&amp;')}"`))
  })

  it('offers no form when all are gone', async () => {
    const { text, searches } = await send(
      { deleteFound: async () => ({ deleted: 1, more: false }) },
      { query, sure: 'yes' },
    )
    assert.equal(searches, 0)
    assert.match(text, /1 event is deleted\.</)
    assert.ok(!text.includes('<form'))
  })

  it('does not look again after looking took too long', async () => {
    const { status, text, searches } = await send({ deleteFound: slow }, { query, sure: 'yes' })
    assert.deepEqual([status, searches], [400, 0])
    assert.match(text, /took longer than 10 s/)
    assert.ok(text.includes('<dt><code>tag</code></dt><dd>a</dd>'), 'what was asked for is still there')
    const unsure = await send({ search: slow }, { query })
    assert.deepEqual([unsure.status, unsure.searches], [400, 1])
  })

  it('hands on that nobody waits any more', async () => {
    const gone = AbortSignal.abort()
    const seen: unknown[] = []
    const deleteFound: DeleteParts['events']['deleteFound'] = async (...args) => {
      seen.push(args[3])
      return { deleted: 0, more: true }
    }
    await send({ deleteFound }, { query, sure: 'yes' }, gone)
    assert.deepEqual(seen, [gone])
  })

  for (const more of ['rule_id=x', 'tag=b', 'rule=%20']) {
    it(`deletes nothing for a form with ${more}`, async () => {
      const { status, text } = await send({}, { query: `${query}&${more}`, sure: 'yes' })
      assert.equal(status, 400)
      assert.match(text, /id="fault"/)
      assert.ok(!text.includes('<form'))
    })
  }
})
