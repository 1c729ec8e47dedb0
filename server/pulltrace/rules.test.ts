import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createParser } from 'eventsource-parser'
import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import type { Condition, Rule } from '../../core/rules/rule.ts'
import { eventually, eventuallyHolds } from '../../test/eventually.ts'
import { startSensorApi } from '../sensor-api/start-sensor-api.fake.ts'
import { fakeRule } from '../sensor-api/tk-store.fake.ts'
import { goodLayer, goodPull, goodReport, post, type RunningServer, startServer } from './start-server.fake.ts'

const ids = { web: 'a'.repeat(26), api: 'b'.repeat(26) }
const image = (host: string, name: string) => `${host}/${name}:v1`

/** What a client of the stream is told, from its first event on. */
class Listener implements AsyncDisposable {
  readonly events: PullEvent[] = []
  lastEventId = ''
  synced = false
  readonly #stop = new AbortController()
  readonly #reading: Promise<void>

  constructor(server: RunningServer, lastEventId?: string) {
    this.#reading = this.#read(server, lastEventId).catch(() => {})
  }

  get told(): string[] {
    return this.events.map(({ type, pull, left }) => `${type} ${pull.id[0]} ${pull.phase}${left ? ' left' : ''}`)
  }

  async [Symbol.asyncDispose]() {
    this.#stop.abort()
    await this.#reading
  }

  async #read(server: RunningServer, lastEventId: string | undefined): Promise<void> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const response = await fetch(`${server.url}/api/v1/events`, { headers, signal: this.#stop.signal })
    const parser = createParser({
      onEvent: ({ event, data, id }) => {
        if (id !== undefined) this.lastEventId = id
        if (event === 'synced') this.synced = true
        else if (event === undefined) this.events.push(JSON.parse(data))
      },
    })
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) parser.feed(decoder.decode(bytes, { stream: true }))
  }
}

const condition = (field: string, value: string): Condition => ({
  field: field.split('.'),
  op: 'eq',
  field_type: 'text',
  value,
  on_missing_field: 'skip',
  on_coercion_fail: 'skip',
})
const rule = (number: number, action: Rule['action'], ...all: Condition[]): Rule =>
  fakeRule(number, { name: `rule ${number}`, action, any: [{ all }] })

describe('rules on pulls', function () {
  this.timeout(30_000)
  let seq = 1
  const report = async (server: RunningServer, ...pulls: Record<string, unknown>[]) => {
    // Two seconds from one to the next: rates and times are the same in each run.
    const timestamp = new Date(Date.parse('2026-11-21T10:00:00Z') + seq * 2000).toISOString()
    const answer = await post(`${server.url}/api/v1/report`, goodReport(seq++, { pulls, timestamp }))
    return (await answer.json()) as { acknowledged: boolean }
  }
  const web = (changes: Record<string, unknown> = {}) => goodPull({ id: ids.web, ...changes })
  const api = (changes: Record<string, unknown> = {}) => goodPull({ id: ids.api, ...changes })
  const ended = { phase: 'completed', completedAt: '2026-11-21T10:01:00Z' }
  const json = async (server: RunningServer, path: string) => (await fetch(`${server.url}${path}`)).json()
  const metric = async (server: RunningServer, line: string) => {
    const text = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    assert.ok(text.split('\n').includes(line), `${line}\n${text.match(/^pulltrace_rule.*$/gm)?.join('\n')}`)
  }

  describe('with tk-sensor-api', () => {
    let tk: Awaited<ReturnType<typeof startSensorApi>>
    const start = (rules: readonly Rule[], env: Record<string, string> = {}) => {
      tk.store.set({ rules })
      return startServer({ TK_API_URL: `http://${tk.address}`, TK_API_KEY: tk.key, TK_SYNC_INTERVAL: '5s', ...env })
    }
    const stored = () =>
      [...tk.store.stored.values()].map(({ event }) => ({
        rule: event.ruleId.at(-1),
        pull: event.metadata?.['pull_id']?.[0],
        record: JSON.parse(event.recordJson!),
      }))

    beforeEach(async () => {
      seq = 1
      tk = await startSensorApi()
    })
    afterEach(() => tk[Symbol.asyncDispose]())

    it('reports what a rule observes as one event with the record, and changes nothing for readers', async () => {
      await using server = await start([rule(1, 'observe', condition('registry', 'registry.example.com'))])
      await using listener = new Listener(server)
      await eventually('the stream', () => listener.synced)
      await report(server, web())
      await report(server, web({ phase: 'unpacking' }))
      await report(server, web(ended))
      await eventuallyHolds(() => assert.equal(tk.store.stored.size, 1))
      const [{ rule: number, pull, record }] = stored() as [ReturnType<typeof stored>[number]]
      assert.deepEqual([number, pull, record.image, record.phase], ['1', 'a', web()['imageRef'], 'downloading'])
      await eventually('the end', () => listener.told.includes('pull.completed a completed'))
      assert.ok(listener.events.every(({ pull }) => pull.violations === undefined))
      await metric(server, 'pulltrace_rule_matches_total{action="observe"} 1')
      await metric(server, 'pulltrace_rules_in_force 1')
    })

    it('marks a pull that breaks a rule in stream, API and history', async () => {
      await using server = await start([rule(2, 'fail', condition('phase', 'downloading'))])
      await using listener = new Listener(server)
      await eventually('the stream', () => listener.synced)
      const violations = [{ ruleId: rule(2, 'fail').rule_id, name: 'rule 2', action: 'fail' }]
      await report(server, web(), api({ phase: 'resolving' }))
      const { pulls } = (await json(server, '/api/v1/pulls')) as { pulls: Pull[] }
      assert.deepEqual(Object.fromEntries(pulls.map(pull => [pull.id[0], pull.violations])), {
        a: violations,
        b: undefined,
      })
      await report(server, web(ended), api({ phase: 'resolving' }))
      const { items } = (await json(server, '/api/v1/history')) as { items: Pull[] }
      assert.deepEqual(items[0]?.violations, violations)
      await eventually('the end', () => listener.told.includes('pull.completed a completed'))
      for (const { pull } of listener.events.filter(({ pull }) => pull.id === ids.web)) {
        assert.deepEqual(pull.violations, violations)
      }
      await eventuallyHolds(() => assert.equal(tk.store.stored.size, 1))
    })

    it('keeps a dropped pull out of everything from then on, and goes on acknowledging it', async () => {
      await using server = await start([rule(3, 'drop', condition('phase', 'unpacking'))])
      await using listener = new Listener(server)
      await eventually('the stream', () => listener.synced)
      const before = listener.lastEventId
      await report(server, web(), api())
      await report(server, web({ phase: 'unpacking' }), api())
      await eventually('the leave', () => listener.told.includes('pull.progress a downloading left'))
      const layers = [goodLayer('1', { state: 'done', downloadedBytes: 1000 }), goodLayer('2')]
      await report(server, web({ phase: 'unpacking', layers }), api())
      assert.equal((await report(server, web(ended), api(ended))).acknowledged, true)
      // An answer that was lost: the agent tells of the end again.
      assert.equal((await report(server, web(ended))).acknowledged, true)

      await eventually('the other end', () => listener.told.includes('pull.completed b completed'))
      assert.deepEqual(
        listener.told.filter(line => line.includes(' a ')),
        ['pull.started a downloading', 'pull.progress a downloading left'],
      )
      await using late = new Listener(server, before)
      await eventually('what was missed', () => late.told.includes('pull.completed b completed'))
      assert.deepEqual(
        late.told.filter(line => line.includes(' a ')),
        [],
      )
      const { pulls } = (await json(server, '/api/v1/pulls?state=finished')) as { pulls: Pull[] }
      assert.deepEqual(
        pulls.map(({ id }) => id),
        [ids.api],
      )
      assert.equal((await fetch(`${server.url}/api/v1/pulls/${ids.web}`)).status, 404)
      await metric(server, `pulltrace_rule_drops_total{rule="${rule(3, 'drop').rule_id}"} 1`)
      await eventuallyHolds(() =>
        assert.deepEqual(
          stored()
            .map(({ pull }) => pull)
            .sort(),
          ['a'],
        ),
      )
    })

    it('never shows a pull that is dropped when it begins, nor counts it among those of its node', async () => {
      await using server = await start([rule(4, 'drop', condition('tag', 'v1'))])
      await using listener = new Listener(server)
      await eventually('the stream', () => listener.synced)
      await report(server, web({ imageRef: image('quay.io', 'web') }), api({ imageRef: 'quay.io/api:v2' }))
      await eventually('the other pull', () => listener.told.length === 1)
      assert.deepEqual(listener.told, ['pull.started b downloading'])
      const { items } = (await json(server, '/api/v1/nodes')) as { items: { activePulls: number }[] }
      assert.equal(items[0]?.activePulls, 1)
    })

    it('drops it again after a restart, and leaves nothing of it in the history when it stops', async () => {
      const dataDir = mkdtempSync(path.join(tmpdir(), 'pulltrace-rules-'))
      try {
        const rules = [rule(4, 'drop', condition('tag', 'v1'))]
        for (let round = 0; round < 2; round++) {
          await using server = await start(rules, { PULLTRACE_DATA_DIR: dataDir })
          await using listener = new Listener(server)
          await eventually('the stream', () => listener.synced)
          await report(server, web(), api({ imageRef: 'quay.io/api:v2' }))
          await eventually('the other pull', () => listener.told.length > 0)
          assert.deepEqual([...new Set(listener.events.map(({ pull }) => pull.id))], [ids.api])
          const { items } = (await json(server, '/api/v1/history')) as { items: Pull[] }
          assert.deepEqual(items, [])
        }
        await using server = await startServer({ PULLTRACE_DATA_DIR: dataDir })
        const { items } = (await json(server, '/api/v1/history')) as { items: Pull[] }
        assert.deepEqual(
          items.map(({ id }) => id),
          [ids.api],
        )
      } finally {
        rmSync(dataDir, { recursive: true, force: true })
      }
    })

    it('sends its events when it stops', async () => {
      const server = await start([rule(1, 'observe', condition('tag', 'v1'))])
      await report(server, web())
      await server.stop()
      assert.equal(tk.store.stored.size, 1)
    })
  })

  describe('without one that answers', () => {
    /** Accepts connections; what it writes is no HTTP/2, or nothing. */
    async function badServer(says: string): Promise<{ url: string; close: () => void }> {
      const sockets: Socket[] = []
      const server = createServer(socket => {
        sockets.push(socket.on('error', () => {}))
        if (says !== '') socket.write(says)
      })
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as { port: number }
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      return { url: `http://127.0.0.1:${port}`, close }
    }

    /** Everything that readers of a server with these settings are told while two pulls come and go. */
    async function streamOf(env: Record<string, string>): Promise<unknown[]> {
      seq = 1
      await using server = await startServer(env)
      await using listener = new Listener(server)
      await eventually('the stream', () => listener.synced)
      const steps: Record<string, unknown>[][] = [
        [web({ phase: 'resolving' })],
        [web(), api()],
        [web({ phase: 'unpacking' }), api()],
        [web(ended), api({ phase: 'unpacking' })],
        [api({ ...ended, phase: 'failed', error: { code: 'NotFound', message: 'no such image' } })],
      ]
      const expected = [1, 3, 5, 7, 8]
      for (const [index, pulls] of steps.entries()) {
        await report(server, ...pulls)
        await eventually(`event ${expected[index]}`, () => listener.events.length >= expected[index]!)
      }
      return listener.events.map(({ timestamp: _, ...event }) => event)
    }

    it('goes on as if there were no rules: the stream is the same, event by event', async () => {
      const key = `tk-v1-${'0'.repeat(32)}-${'0'.repeat(64)}`
      const without = await streamOf({})
      assert.equal(without.length, 8)
      const [closed, garbage, silent] = [
        await badServer(''),
        await badServer('SSH-2.0-OpenSSH\r\n'),
        await badServer(''),
      ]
      closed.close()
      try {
        for (const { url } of [closed, garbage, silent]) {
          assert.deepEqual(await streamOf({ TK_API_URL: url, TK_API_KEY: key }), without)
        }
      } finally {
        for (const { close } of [garbage, silent]) close()
      }
    })
  })
})
