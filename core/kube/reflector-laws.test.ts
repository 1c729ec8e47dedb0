import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Clock } from '../lib/clock.ts'
import { silentLogger } from '../lib/log.ts'
import { FakeApiServer, type Fault } from './api-server.fake.ts'
import { keyOf, type V1ConfigMap } from './objects.ts'
import { Reflector } from './reflector.ts'
import { configMaps } from './resources.ts'
import { until } from './until.fake.ts'

/** Waits after failures are over at once; the silence of a watch never is, as it is minutes. */
function hurriedClock(): Clock {
  let nowMs = 0
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        if (ms > 100_000) return
        nowMs += ms
        setImmediate(resolve)
      }),
  }
}

type Step = (server: FakeApiServer) => void

const name = fc.constantFrom('a', 'b', 'c', 'é😀')
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(name, fc.string({ maxLength: 3 })).map(
      ([of, value]): Step =>
        server =>
          put(server, of, value),
    ),
  },
  {
    weight: 3,
    arbitrary: name.map(
      (of): Step =>
        server =>
          server.remove(configMaps, `x/${of}`),
    ),
  },
  {
    weight: 1,
    arbitrary: name.map(
      (of): Step =>
        server => {
          server.remove(configMaps, `x/${of}`)
          put(server, of, 'again')
        },
    ),
  },
  ...[
    (server: FakeApiServer) => server.objects.forget(),
    (server: FakeApiServer) => server.watches.end(),
    (server: FakeApiServer) => server.watches.reset(),
    (server: FakeApiServer) => server.watches.reset('{"type":"MODIFIED","object":{"metadata":{"name":"a","namesp'),
    (server: FakeApiServer) => server.watches.bookmark(),
    (server: FakeApiServer) => server.watches.send('\n'),
    (server: FakeApiServer) => server.watches.send('<html>gateway</html>\n'),
    (server: FakeApiServer) => server.watches.send({ type: 'ERROR', object: { code: 410, reason: 'Expired' } }),
    (server: FakeApiServer) => server.watches.send({ type: 'ERROR', object: { code: 500 } }),
    (server: FakeApiServer) => {
      server.watches.end()
      server.goneAs = server.goneAs === 'http' ? 'event' : 'http'
    },
    ...(
      [{ status: 429, retryAfterSeconds: 1 }, { status: 500 }, { status: 410 }, { status: 401 }, 'reset'] as const
    ).map(
      (fault): Step =>
        server => {
          server.watches.end()
          failOnce(server, fault)
        },
    ),
    (server: FakeApiServer) => {
      server.watches.cut = bytes =>
        Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7))
    },
  ].map(step => ({ weight: 1, arbitrary: fc.constant<Step>(step) })),
)

function put(server: FakeApiServer, of: string, value: string): void {
  server.put(configMaps, { metadata: { name: of, namespace: 'x' }, data: { value } })
}

function failOnce(server: FakeApiServer, fault: Fault): void {
  server.fault = () => {
    server.fault = () => undefined
    return fault
  }
}

interface Held {
  readonly uid: string
  readonly value: string
}

describe('Reflector, whatever happens', () => {
  it('ends up with what the server has, and has told every step of the way there', async function () {
    this.timeout(60_000)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(steps, { minLength: 1, maxLength: 3 }), { maxLength: 8 }), async bursts => {
        await using server = await FakeApiServer.start()
        const told = new Map<string, Held>()
        const reflector = new Reflector<V1ConfigMap, Held>({
          api: server.api(),
          resource: configMaps,
          keep: ({ metadata, data }) => ({ uid: metadata!.uid!, value: data!['value']! }),
          changed: (key, now, before) => {
            assert.deepEqual(told.get(key), before)
            if (before && now) assert.equal(before.uid, now.uid, 'another object under the same name is told as two')
            if (now) told.set(key, now)
            else told.delete(key)
          },
          clock: hurriedClock(),
          log: { ...silentLogger, error: (_text, fields) => assert.fail(fields!['error'] as Error) },
        })
        const stop = new AbortController()
        const running = reflector.run(stop.signal)
        try {
          for (const burst of bursts) {
            for (const step of burst) step(server)
            await new Promise(setImmediate)
          }
          server.fault = () => undefined
          put(server, 'last', 'of all')
          await until('the last change is seen', () => reflector.get('x/last')?.value === 'of all')
          const there = server.objects.all('configmaps') as V1ConfigMap[]
          const expected = there.map(object => [
            keyOf(object),
            { uid: object.metadata!.uid!, value: object.data!['value']! },
          ])
          assert.deepEqual([...reflector.entries()].sort(), expected.sort())
          assert.deepEqual([...told].sort(), expected.sort())
        } finally {
          stop.abort()
          await running
        }
      }),
      { numRuns: 100 },
    )
  })
})
