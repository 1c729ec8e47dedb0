import { EventEmitter, once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type Flow, FlowGate, pass } from './flow.ts'
import { freePorts } from './ports.ts'
import { type Answer, challengeOf, ruleFits, type ServedRequest, servedOf } from './proxy-requests.ts'

export interface BlobRules extends Flow {
  /** Ends the connection after this many bytes of one answer; the next `times` answers (default 1). */
  cutAfter(bytes: number, times?: number): void
  /** Flips one bit of the blob (of its last byte by default), in the next `times` answers that hold it (default 1). */
  corrupt(options?: { at?: number; times?: number }): void
  /** Waits before the first byte of each answer. */
  delay(ms: number): void
  /** Answers requests for a part with the whole blob, as registries may that know no ranges. */
  ignoreRange(): void
}

/** A registry's door that a test can narrow, shut and make lie, and that remembers every byte it let through. */
export interface RegistryProxy extends Flow {
  /** `address:port`, as it stands in an image reference. */
  readonly host: string
  readonly requests: readonly ServedRequest[]
  /** Each piece of a blob at the time it was sent; times are epoch ms. */
  readonly log: readonly { readonly atMs: number; readonly digest: string; readonly bytes: number }[]
  /** Bytes of this blob sent so far, over all answers. */
  bytesOf(digest: string): number
  /** Resolves when this blob's bytes reach `bytes`; fails after `limitMs`. */
  sent(digest: string, bytes: number, limitMs?: number): Promise<void>
  /** Resolves when a request of this kind has come that is not answered yet; fails after `limitMs`. */
  requested(kind: ServedRequest['kind'], limitMs?: number): Promise<void>
  blob(digest: string): BlobRules
  /** The newest rule that fits answers. Returns how to take it back. */
  answer(rule: Answer): () => void
  /** Requests for manifests wait until the returned function is called: a pull that stays at resolving. */
  holdManifests(): () => void
  /** Refuses connections and drops those that are open, until `accept`. */
  refuse(): Promise<void>
  accept(): Promise<void>
  stop(): Promise<void>
}

interface BlobState {
  readonly gate: FlowGate
  cut: { bytes: number; times: number }
  flip: { at: number | undefined; times: number }
  delayMs: number
  ignoresRange: boolean
  sentBytes: number
}

/** `address`: where it listens; another one than loopback for a client in a network of its own. */
export async function startProxy(upstream: string, address = '127.0.0.1'): Promise<RegistryProxy> {
  const changes = new EventEmitter().setMaxListeners(0)
  const all = new FlowGate(changes)
  const blobs = new Map<string, BlobState>()
  const requests: ServedRequest[] = []
  const log: { atMs: number; digest: string; bytes: number }[] = []
  let answers: { rule: Answer; left: number }[] = []
  let manifestServed = false
  let manifestsHeld = Promise.resolve()
  const agent = new http.Agent({ keepAlive: true })

  const stateOf = (digest: string): BlobState => {
    let state = blobs.get(digest)
    if (!state) {
      const gate = new FlowGate(changes)
      state = {
        gate,
        cut: { bytes: 0, times: 0 },
        flip: { at: undefined, times: 0 },
        delayMs: 0,
        ignoresRange: false,
        sentBytes: 0,
      }
      blobs.set(digest, state)
    }
    return state
  }

  const ruleFor = (served: ServedRequest): Answer | undefined => {
    const found = answers.findLast(({ rule, left }) => left > 0 && ruleFits(rule, served, manifestServed))
    if (found) found.left -= 1
    return found?.rule
  }

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const served = servedOf(request)
    requests.push(served)
    changes.emit('request')
    if (served.kind === 'manifest') await manifestsHeld
    const rule = ruleFor(served)
    if (rule) {
      served.status = rule.status
      served.complete = true
      response.writeHead(rule.status, { ...challengeOf(rule.status), ...rule.headers }).end(rule.body ?? '')
      return
    }
    const state = served.kind === 'blob' ? stateOf(served.reference) : undefined
    if (state && state.delayMs > 0) await delay(state.delayMs, undefined, { signal: gone.signal })

    const [host, port] = upstream.split(':')
    const { method, url: path } = request
    const { range, ...others } = request.headers
    const headers = state?.ignoresRange ? others : request.headers
    const inner = http.request({ host, port, method, path, headers, agent, signal: gone.signal })
    request.pipe(inner)
    const [answer] = (await once(inner, 'response')) as [IncomingMessage]
    served.status = answer.statusCode ?? 502
    response.writeHead(served.status, answer.headers)
    if (!state || method !== 'GET' || served.status >= 300) {
      answer.pipe(response)
      await once(response, 'finish')
      served.complete = true
      if (served.kind === 'manifest' && served.status < 300) manifestServed = true
      return
    }

    response.flushHeaders()
    // Only a 206 starts where it was asked to.
    if (served.status === 200) served.offset = 0
    const total = served.offset + Number(answer.headers['content-length'] ?? 0)
    const cut = state.cut.times > 0 ? state.cut.bytes : Number.POSITIVE_INFINITY
    if (state.cut.times > 0) state.cut.times -= 1
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      let rest = flipped(chunk, state, served.offset + served.sentBytes, total)
      while (rest.byteLength > 0) {
        const room = cut - served.sentBytes
        if (room <= 0) {
          response.destroy()
          answer.destroy()
          return
        }
        const bytes = await pass([all, state.gate], changes, Math.min(rest.byteLength, room), gone.signal)
        await write(response, rest.subarray(0, bytes), gone.signal)
        rest = rest.subarray(bytes)
        served.sentBytes += bytes
        state.sentBytes += bytes
        log.push({ atMs: Date.now(), digest: served.reference, bytes })
        changes.emit('sent')
      }
    }
    response.end()
    served.complete = true
  }

  const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    serve(request, response).catch(() => response.destroy()) // The client or the registry went away in the middle.
  })
  const listen = async (port: number) => {
    server.listen(port, address)
    await once(server, 'listening')
  }
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  // While it refuses, the port is nobody's: one that the kernel gave could be given to another.
  const [port] = (await freePorts(1, address)) as [number]
  await listen(port)

  return {
    host: `${address}:${port}`,
    requests,
    log,
    limit: bytesPerSec => all.limit(bytesPerSec),
    pause: () => all.pause(),
    release: bytes => all.release(bytes),
    resume: () => all.resume(),
    bytesOf: digest => blobs.get(digest)?.sentBytes ?? 0,
    async sent(digest, bytes, limitMs = 10_000) {
      const limit = AbortSignal.timeout(limitMs)
      while (stateOf(digest).sentBytes < bytes) {
        await once(changes, 'sent', { signal: limit }).catch(() => {
          throw new Error(`${digest} must reach ${bytes} bytes in ${limitMs} ms, got ${stateOf(digest).sentBytes}`)
        })
      }
    },
    async requested(kind, limitMs = 10_000) {
      const limit = AbortSignal.timeout(limitMs)
      while (!requests.some(served => served.kind === kind && served.status === 0)) {
        await once(changes, 'request', { signal: limit }).catch(() => {
          throw new Error(`a request for a ${kind} must come within ${limitMs} ms`)
        })
      }
    },
    blob(digest) {
      const state = stateOf(digest)
      return {
        limit: bytesPerSec => state.gate.limit(bytesPerSec),
        pause: () => state.gate.pause(),
        release: bytes => state.gate.release(bytes),
        resume: () => state.gate.resume(),
        cutAfter(bytes, times = 1) {
          state.cut = { bytes, times }
        },
        corrupt({ at, times = 1 } = {}) {
          state.flip = { at, times }
        },
        delay(ms) {
          state.delayMs = ms
        },
        ignoreRange() {
          state.ignoresRange = true
        },
      }
    },
    answer(rule) {
      const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY }
      answers.push(entry)
      return () => {
        answers = answers.filter(other => other !== entry)
      }
    },
    holdManifests() {
      const { promise, resolve } = Promise.withResolvers<void>()
      manifestsHeld = promise
      return resolve
    },
    refuse: close,
    async accept() {
      if (!server.listening) await listen(port)
    },
    async stop() {
      await close()
      agent.destroy()
    },
  }
}

/** The chunk, or a copy with one bit flipped when the byte to flip is in it. */
function flipped(chunk: Buffer, state: BlobState, start: number, total: number): Buffer {
  const at = (state.flip.at ?? total - 1) - start
  if (state.flip.times === 0 || at < 0 || at >= chunk.byteLength) return chunk
  state.flip.times -= 1
  const copy = Buffer.from(chunk)
  copy[at]! ^= 1
  return copy
}

/** Resolves when the bytes have left for the kernel: only then do the log and a cut tell the truth. */
function write(response: ServerResponse, bytes: Buffer, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(gone.reason)
    gone.addEventListener('abort', stop, { once: true })
    response.write(bytes, error => {
      gone.removeEventListener('abort', stop)
      if (error) reject(error)
      else resolve()
    })
  })
}
