import assert from 'node:assert/strict'
import type { KubeApi } from '../../../core/kube/kube-api.ts'
import { KubeError } from '../../../core/kube/kube-error.ts'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { SettingsWatch } from './settings-watch.ts'

const otherwise = { reportIntervalMs: 2000, idleReportIntervalMs: 30_000 }
const configMap = { namespace: 'pulltrace-system', name: 'pulltrace-settings' }

/** An API server that has at most this one ConfigMap, and says so to whoever lists or watches. */
class OneConfigMap {
  readonly asked: { readonly namespace?: string | undefined; readonly fieldSelector?: string | undefined }[] = []
  #version = 1
  #data: Record<string, string> | undefined
  #tell: ((line: string) => void) | undefined
  away = false

  constructor(data?: Record<string, string>) {
    this.#data = data
  }

  /** `undefined` deletes it. */
  put(data: Record<string, string> | undefined): void {
    const type = data === undefined ? 'DELETED' : this.#data === undefined ? 'ADDED' : 'MODIFIED'
    const object = this.#object(data ?? this.#data ?? {})
    this.#data = data
    this.#version++
    this.#tell?.(`${JSON.stringify({ type, object })}\n`)
  }

  readonly #object = (data: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...configMap, uid: 'u1', resourceVersion: String(this.#version) },
    data,
  })

  async list({ namespace, fieldSelector }: { namespace?: string; fieldSelector?: string }) {
    this.asked.push({ namespace, fieldSelector })
    if (this.away) throw new KubeError(0, 'Unreachable', 'connect ECONNREFUSED')
    const items = this.#data === undefined ? [] : [this.#object(this.#data)]
    return { items, resourceVersion: String(this.#version), continue: undefined }
  }

  async watch(_resource: unknown, { signal }: { signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>> {
    return new ReadableStream({
      start: controller => {
        this.#tell = line => controller.enqueue(Buffer.from(line))
        signal.addEventListener('abort', () => controller.error(signal.reason), { once: true })
      },
    })
  }
}

/** Runs the watch for as long as the test does. */
async function watching(server: OneConfigMap, test: (watch: SettingsWatch, told: Told) => Promise<void>) {
  const told = new Told()
  const api = {
    list: (_resource: unknown, query: object) => server.list(query),
    watch: (resource: unknown, query: { signal: AbortSignal }) => server.watch(resource, query),
  } as unknown as KubeApi
  const watch = new SettingsWatch({ api, configMap, otherwise, clock: systemClock, log: told.log })
  const stop = new AbortController()
  const ended = watch.run(stop.signal)
  try {
    await test(watch, told)
  } finally {
    stop.abort()
    await ended
  }
}

/** The log, to wait for. */
class Told {
  readonly lines: string[] = []
  #next = Promise.withResolvers<void>()
  readonly log = {
    ...silentLogger,
    info: (message: string) => this.#note(message),
    warn: (message: string) => this.#note(message),
    error: (message: string, fields?: Record<string, unknown>) => this.#note(`${message}: ${fields?.['faults']}`),
  }

  #note(line: string): void {
    this.lines.push(line)
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }

  async until(pattern: RegExp): Promise<void> {
    while (!this.lines.some(line => pattern.test(line))) await this.#next.promise
  }
}

const never = new AbortController().signal

describe('SettingsWatch', () => {
  it('knows the intervals before the first report is answered, and asks for that one object only', () => {
    const server = new OneConfigMap({ reportInterval: '500ms', idleReportInterval: '10s' })
    return watching(server, async watch => {
      await watch.known(5000, never)
      assert.deepEqual(watch.intervals, { reportIntervalMs: 500, idleReportIntervalMs: 10_000 })
      assert.deepEqual(server.asked, [
        { namespace: 'pulltrace-system', fieldSelector: 'metadata.name=pulltrace-settings' },
      ])
    })
  })

  it('brings a change into force at once', () => {
    const server = new OneConfigMap({ reportInterval: '2s' })
    return watching(server, async (watch, told) => {
      await told.until(/settings in force/)
      told.lines.length = 0
      server.put({ reportInterval: '500ms' })
      await told.until(/settings in force/)
      assert.deepEqual(watch.intervals, { reportIntervalMs: 500, idleReportIntervalMs: 500 })
    })
  })

  it('keeps the last good intervals under a bad value, says so, and takes the next good one', () => {
    const server = new OneConfigMap({ reportInterval: '500ms' })
    return watching(server, async (watch, told) => {
      await watch.known(5000, never)
      server.put({ reportInterval: '0s' })
      await told.until(/settings refused.*`data.reportInterval` must be a duration .* got "0s"/)
      assert.equal(watch.intervals.reportIntervalMs, 500)
      assert.equal(watch.refused, true)
      told.lines.length = 0
      server.put({ reportInterval: '1s' })
      await told.until(/settings in force/)
      assert.equal(watch.refused, false)
      assert.equal(watch.intervals.reportIntervalMs, 1000)
    })
  })

  it('keeps the last intervals when the ConfigMap is deleted', () => {
    const server = new OneConfigMap({ reportInterval: '500ms' })
    return watching(server, async (watch, told) => {
      await watch.known(5000, never)
      server.put(undefined)
      await told.until(/settings deleted/)
      assert.equal(watch.intervals.reportIntervalMs, 500)
    })
  })

  it("has the environment's intervals until there is a ConfigMap", () => {
    const server = new OneConfigMap()
    return watching(server, async (watch, told) => {
      await watch.known(5000, never)
      assert.deepEqual(watch.intervals, otherwise)
      server.put({ reportInterval: '5s' })
      await told.until(/settings in force/)
      assert.equal(watch.intervals.reportIntervalMs, 5000)
    })
  })

  it('waits for an API server that is away for no longer than it is told to, and says so', () => {
    const server = new OneConfigMap({ reportInterval: '500ms' })
    server.away = true
    return watching(server, async (watch, told) => {
      await watch.known(20, never)
      assert.ok(told.lines.includes('settings not seen yet, agents are told the intervals of the environment'))
      assert.deepEqual(watch.intervals, otherwise)
    })
  })
})
