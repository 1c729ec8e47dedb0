import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { escapeHtml } from './escape.ts'
import { homePage, homePolicy } from './home.ts'

const facts = {
  version: '1.2.3',
  baseUrl: 'http://localhost:8080',
  counts: { nodes: 1, activePulls: 2, demo: false },
  tokenNeeded: false,
}

describe('homePage', () => {
  it('says what is under way, and how to see it', () => {
    const page = homePage(facts)
    assert.match(page, /1 node, 2 pulls under way\./)
    assert.match(page, /curl -N http:\/\/localhost:8080\/api\/v1\/events/)
    assert.match(page, /pulltrace-server 1\.2\.3/)
  })

  it('says so when the pulls are made up', () => {
    assert.doesNotMatch(homePage(facts), /DEMO DATA/)
    assert.match(homePage({ ...facts, counts: { ...facts.counts, demo: true } }), /DEMO DATA/)
  })

  it('asks for the token where one is needed, and tells no counts', () => {
    const page = homePage({ ...facts, counts: undefined, tokenNeeded: true })
    assert.match(page, /Authorization: Bearer \$TOKEN/)
    assert.doesNotMatch(page, /under way/)
  })

  it('holds to its own policy: one style, by its hash, and no script', () => {
    const [, style] = /<style>(.*)<\/style>/s.exec(homePage(facts))!
    assert.ok(homePolicy.includes(createHash('sha256').update(style!).digest('base64')))
    assert.doesNotMatch(homePage(facts), /<script|style=|\son\w+=/)
  })

  it('shows any text as text', () => {
    const tags = (page: string) => page.match(/<[^>]*>/g)
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>"\'&/=a ') }), text => {
        assert.deepEqual(tags(homePage({ ...facts, baseUrl: text, version: text })), tags(homePage(facts)))
      }),
    )
  })
})

describe('escapeHtml', () => {
  it('leaves nothing that begins a tag, an entity or the end of an attribute', () => {
    assert.equal(escapeHtml(`<a href="x" id='y'>&amp;`), '&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;')
  })
})
