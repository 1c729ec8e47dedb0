import assert from 'node:assert/strict'
import { type Logger, silentLogger } from '../lib/log.ts'
import { SteppedClock } from '../lib/stepped-clock.fake.ts'
import { FakeApiServer } from './api-server.fake.ts'
import type { KubeApi } from './kube-api.ts'
import { KubeError } from './kube-error.ts'
import type { V1ConfigMap } from './objects.ts'
import { Reflector, type ReflectorOptions } from './reflector.ts'
import { configMaps } from './resources.ts'
import { until } from './until.fake.ts'

describe('Reflector', () => {
  let server: FakeApiServer
  let clock: SteppedClock
  let stop: AbortController
  let running: Promise<void>
  let seen: [string, string | undefined, string | undefined][]

  beforeEach(async () => {
    server = await FakeApiServer.start()
    clock = new SteppedClock(1_000_000)
    stop = new AbortController()
    running = Promise.resolve()
    seen = []
  })

  afterEach(async () => {
    stop.abort()
    await running
    await server[Symbol.asyncDispose]()
  })

  const put = (name: string, value: string) =>
    server.put(configMaps, { metadata: { name, namespace: 'a' }, data: { value } })
  const remove = (name: string) => server.remove(configMaps, `a/${name}`)
  const watches = () => server.requests.filter(request => request.watch)
  const lists = () => server.requests.filter(request => !request.watch)

  function start(options: Partial<ReflectorOptions<V1ConfigMap, string>> = {}): Reflector<V1ConfigMap, string> {
    const reflector = new Reflector<V1ConfigMap, string>({
      api: server.api(),
      resource: configMaps,
      keep: object => object.data?.['value'],
      changed: (key, now, before) => seen.push([key, before, now]),
      clock,
      log: silentLogger,
      random: () => 0,
      ...options,
    })
    running = reflector.run(stop.signal)
    return reflector
  }

  /** Started, listed, and with an open watch. */
  async function watching(options: Partial<ReflectorOptions<V1ConfigMap, string>> = {}) {
    const reflector = start(options)
    await until('a watch is open', () => server.watches.size === 1 && clock.sleeping === 1)
    return reflector
  }

  const opened = (count: number) => until(`${count} watches were asked for`, () => watches().length >= count)

  describe('list', () => {
    it('asks for fewer at once when an answer is too large to be taken', async () => {
      for (let each = 0; each < 40; each++) put(`n${each}`, String(each))
      const whole = server.api()
      let tooLarge = 0
      const api: KubeApi = {
        ...whole,
        list: async (resource, query) => {
          if (query!.limit! <= 31) return whole.list(resource, query)
          tooLarge++
          throw new KubeError(0, 'TooLarge', 'the answer has more than 67108864 bytes')
        },
      }
      const reflector = start({ api })
      for (const [refused, waitMs] of [
        [1, 800],
        [2, 1600],
      ] as const) {
        await until(`${refused} answers were too large`, () => tooLarge === refused && clock.sleeping === 1)
        await clock.advance(waitMs)
      }
      await until('a watch is open', () => server.watches.size === 1 && clock.sleeping === 1)
      assert.equal(reflector.size, 40)
      assert.deepEqual(
        lists().map(({ query }) => query.get('limit')),
        ['31', '31'],
      )
    })

    it('reads page by page, then watches from where the list was', async () => {
      for (let each = 0; each < 1001; each++) put(`n${String(each).padStart(4, '0')}`, String(each))
      const reflector = await watching()
      assert.equal(reflector.size, 1001)
      assert.deepEqual(
        lists().map(({ query }) => query.get('limit')),
        ['500', '500', '500'],
      )
      const { query } = watches()[0]!
      assert.equal(query.get('resourceVersion'), String(server.objects.version))
      assert.equal(query.get('allowWatchBookmarks'), 'true')
    })

    it('asks each watch to end after 5 to 10 minutes, by chance', async () => {
      for (const [random, seconds] of [
        [0, '300'],
        [0.999, '599'],
      ] as const) {
        const before = watches().length
        stop = new AbortController()
        start({ random: () => random })
        await opened(before + 1)
        assert.equal(watches()[before]!.query.get('timeoutSeconds'), seconds)
        stop.abort()
        await running
      }
    })

    it('starts over when a page token has expired', async () => {
      for (let each = 0; each < 600; each++) put(`n${String(each).padStart(4, '0')}`, String(each))
      let expired = 0
      server.fault = ({ query }) =>
        query.has('continue') && expired++ === 0 ? { status: 410, reason: 'Expired' } : undefined
      const reflector = start()
      await clock.whenSleeping()
      assert.equal(reflector.synced, false)
      assert.deepEqual(seen, [])
      await clock.advance(800)
      await reflector.whenSynced()
      assert.equal(reflector.size, 600)
    })

    it('is synced once the first list is complete, and not before', async () => {
      put('one', '1')
      server.fault = () => ({ status: 500 })
      const reflector = start()
      await clock.whenSleeping()
      assert.equal(reflector.synced, false)
      const given = new AbortController()
      const waiting = reflector.whenSynced(given.signal)
      given.abort(new Error('given up'))
      await assert.rejects(waiting, /given up/)
      server.fault = () => undefined
      await clock.advance(800)
      await reflector.whenSynced()
      assert.equal(reflector.synced, true)
      assert.deepEqual(seen, [['a/one', undefined, '1']])
    })
  })

  describe('watch', () => {
    it('tells what came, changed and went', async () => {
      put('one', '1')
      const reflector = await watching()
      put('two', '1')
      put('one', '2')
      remove('two')
      await until('all is told', () => seen.length === 4)
      assert.deepEqual(seen, [
        ['a/one', undefined, '1'],
        ['a/two', undefined, '1'],
        ['a/one', '1', '2'],
        ['a/two', '1', undefined],
      ])
      assert.deepEqual([...reflector.entries()], [['a/one', '2']])
    })

    it('forgets what `keep` returns undefined for, as if it had gone', async () => {
      const reflector = await watching({ keep: ({ data }) => (data?.['value'] === '' ? undefined : data?.['value']) })
      put('one', '')
      put('two', '1')
      put('two', '')
      await until('all is told', () => seen.length === 2)
      assert.deepEqual(seen, [
        ['a/two', undefined, '1'],
        ['a/two', '1', undefined],
      ])
      assert.equal(reflector.size, 0)
    })

    it('resumes at once from the last bookmark when the server ends it', async () => {
      const reflector = await watching()
      // Of another kind: nothing that this watch sees but the bookmark.
      server.objects.put('secrets', { metadata: { name: 'x', namespace: 'a' } })
      await clock.advance(60_000)
      server.watches.bookmark()
      await until('the bookmark is read', () => reflector.lastContactMs === clock.now())
      server.watches.end()
      await opened(2)
      assert.equal(watches()[1]!.query.get('resourceVersion'), String(server.objects.version))
      assert.equal(lists().length, 1)
    })

    it('misses nothing when the connection is cut within an event', async () => {
      const reflector = await watching()
      put('one', '1')
      await until('the first is told', () => seen.length === 1)
      server.watches.silent = true
      put('two', '1')
      server.watches.reset('{"type":"ADDED","object":{"metadata":{"name":"tw')
      await until('it is cut', () => server.watches.size === 0)
      server.watches.silent = false
      await until('the second is told', () => seen.length === 2)
      assert.deepEqual(
        [...reflector.entries()],
        [
          ['a/one', '1'],
          ['a/two', '1'],
        ],
      )
      assert.equal(lists().length, 1)
    })

    it('is opened anew when it has been silent for 150 s', async () => {
      await watching()
      server.watches.silent = true
      put('one', '1')
      await clock.advance(149_000)
      assert.equal(watches().length, 1)
      server.watches.silent = false
      await clock.advance(1000)
      await until('the change is seen', () => seen.length === 1)
      assert.equal(watches().length, 2)
      assert.equal(lists().length, 1)
    })

    it('counts a bookmark as a sign of life', async () => {
      const reflector = await watching()
      for (let minute = 0; minute < 10; minute++) {
        await clock.advance(60_000)
        server.watches.bookmark()
        await until('it is heard', () => reflector.lastContactMs === clock.now())
      }
      assert.equal(watches().length, 1)
    })

    for (const how of ['end', 'reset'] as const) {
      it(`does not turn in circles when each watch is over at once (${how})`, async () => {
        await watching()
        for (const waitMs of [800, 1600, 3200]) {
          server.watches[how]()
          await until(`it waits ${waitMs} ms`, () => clock.slept.includes(waitMs))
          await clock.advance(waitMs)
          await until('a watch is open', () => server.watches.size === 1 && clock.sleeping === 1)
        }
        assert.equal(watches().length, 4)
        assert.equal(lists().length, 1)
      })
    }
  })

  describe('a place that is forgotten (410)', () => {
    for (const goneAs of ['http', 'event'] as const) {
      it(`is replaced by a list, of which only the differences are told (as ${goneAs})`, async () => {
        server.goneAs = goneAs
        for (const name of ['same', 'changed', 'deleted', 'recreated']) put(name, '1')
        const reflector = await watching()
        await until('all are told', () => seen.length === 4)
        seen = []
        server.watches.silent = true
        put('changed', '2')
        remove('deleted')
        remove('recreated')
        put('recreated', '1')
        put('new', '1')
        server.objects.forget()
        server.watches.end()
        await until('it is gone', () => server.watches.size === 0)
        server.watches.silent = false
        await until('it waits', () => clock.slept.includes(800) || clock.slept.includes(1600))
        await clock.advance(800)
        // The end came at once, which counts as a failure; that the place is forgotten does not: it is listed at once.
        await until('the differences are told', () => seen.length >= 5)
        assert.ok(!clock.slept.includes(1600))
        assert.deepEqual(seen, [
          ['a/deleted', '1', undefined],
          ['a/changed', '1', '2'],
          ['a/new', undefined, '1'],
          ['a/recreated', '1', undefined],
          ['a/recreated', undefined, '1'],
        ])
        assert.equal(reflector.size, 4)
      })
    }

    it('again and again is a list with growing waits, not a loop', async () => {
      server.fault = ({ watch }) => (watch ? { status: 410, reason: 'Expired' } : undefined)
      start()
      for (const waitMs of [800, 1600, 3200, 6400, 12_800, 15_000]) {
        await until(`it waits ${waitMs} ms`, () => clock.slept.at(-1) === waitMs)
        await clock.advance(waitMs)
      }
      await opened(7)
      assert.equal(watches().length, 7)
    })
  })

  describe('trouble', () => {
    it('waits as long as a 429 asks for, and then resumes where it was', async () => {
      await watching()
      server.fault = () => ({ status: 429, retryAfterSeconds: 7 })
      await clock.advance(2000)
      server.watches.end()
      await until('it waits', () => clock.slept.includes(7000))
      server.fault = () => undefined
      await clock.advance(7000)
      await until('a watch is open', () => server.watches.size === 1)
      assert.equal(lists().length, 1)
    })

    for (const { status, resumes } of [
      { status: 500, resumes: true },
      { status: 503, resumes: true },
      { status: 401, resumes: false },
      { status: 403, resumes: false },
      { status: 504, resumes: false },
    ]) {
      it(`${resumes ? 'resumes' : 'lists again'} after a ${status}`, async () => {
        const reflector = await watching()
        const listed = lists().length
        server.fault = () => ({ status })
        await clock.advance(2000)
        server.watches.end()
        await until('it waits', () => clock.slept.includes(800))
        server.fault = () => undefined
        put('one', '1')
        await clock.advance(800)
        await until('the change is seen', () => reflector.size === 1)
        assert.equal(lists().length - listed, resumes ? 0 : 1)
      })
    }

    for (const { name, line, listsAgain } of [
      {
        name: 'an ERROR that is not 410',
        line: { type: 'ERROR', object: { code: 500, message: 'etcd' } },
        listsAgain: false,
      },
      { name: 'an ERROR that is', line: { type: 'ERROR', object: { code: 410, reason: 'Expired' } }, listsAgain: true },
      { name: 'a line that is no event', line: '<html>\n', listsAgain: true },
    ]) {
      it(`goes on after ${name}`, async () => {
        const reflector = await watching()
        server.watches.send(line)
        await until('it waits', () => clock.slept.includes(800))
        put('one', '1')
        await clock.advance(800)
        await until('the change is seen', () => reflector.size === 1)
        assert.equal(lists().length, listsAgain ? 2 : 1)
      })
    }

    it('says once what is wrong, not at each try, and once that it is over', async () => {
      const lines: string[] = []
      const log: Logger = { ...silentLogger, warn: text => lines.push(text), info: text => lines.push(text) }
      server.fault = () => ({ status: 403, reason: 'Forbidden' })
      start({ log })
      for (const waitMs of [800, 1600, 3200]) {
        await until(`it waits ${waitMs} ms`, () => clock.slept.at(-1) === waitMs)
        await clock.advance(waitMs)
      }
      server.fault = () => undefined
      await until('it waits', () => clock.slept.at(-1) === 6400)
      await clock.advance(6400)
      await until('a watch is open', () => server.watches.size === 1)
      put('one', '1')
      await until('all is well', () => lines.length === 2)
      assert.deepEqual(lines, ['watch failed', 'watch works again'])
    })

    it('survives handlers that throw or reject, and logs them', async () => {
      const errors: unknown[] = []
      const log: Logger = {
        ...silentLogger,
        error: (text, fields) => errors.push([text, (fields!['error'] as Error).message]),
      }
      const reflector = await watching({
        log,
        changed: (_key, now) => {
          if (now === 'throw') throw new Error('thrown')
          if (now === 'reject') return Promise.reject(new Error('rejected')) as unknown as undefined
        },
      })
      put('one', 'throw')
      put('two', 'reject')
      put('three', 'fine')
      await until('all are held', () => reflector.size === 3)
      assert.deepEqual(errors, [
        ['handler of a watch failed', 'thrown'],
        ['handler of a watch failed', 'rejected'],
      ])
    })
  })

  describe('stop', () => {
    it('ends a watch, and asks for nothing more', async () => {
      await watching()
      stop.abort()
      await running
      await until('the watch is closed', () => server.watches.size === 0)
      put('one', '1')
      await clock.advance(1_000_000)
      assert.deepEqual([lists().length, watches().length], [1, 1])
      assert.deepEqual(seen, [])
      assert.equal(clock.sleeping, 0)
    })

    it('ends between two events that came together', async () => {
      await watching({
        changed: key => {
          seen.push([key, undefined, undefined])
          stop.abort()
        },
      })
      const event = (name: string) =>
        JSON.stringify({ type: 'ADDED', object: { metadata: { name, uid: name }, data: { value: '1' } } })
      server.watches.send(`${event('one')}\n${event('two')}\n`)
      await running
      assert.deepEqual(
        seen.map(([key]) => key),
        ['one'],
      )
    })

    it('ends a list that hangs', async () => {
      server.fault = () => 'hang'
      start()
      await until('it is asked', () => lists().length === 1)
      stop.abort()
      await running
      assert.equal(watches().length, 0)
    })

    it('ends a wait after a failure', async () => {
      server.fault = () => ({ status: 500 })
      start()
      await clock.whenSleeping()
      stop.abort()
      await running
      assert.equal(lists().length, 1)
    })

    it('may not run twice at a time', async () => {
      const reflector = await watching()
      await assert.rejects(reflector.run(stop.signal), /runs already/)
    })
  })
})
