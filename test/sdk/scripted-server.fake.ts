import net from 'node:net'
import {
  Metadata as Headers,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  type status,
} from '@grpc/grpc-js'
import {
  type Event,
  EventCode,
  EventStatus,
  ReportEventsRequest,
  ReportEventsResponse,
  type Rule,
  SensorAPIService,
  type ServerLimits,
  SyncRulesRequest,
  SyncRulesResponse,
} from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { retryInfoBytes } from './retry-info.fake.ts'

/** What the server does with a call instead of its work. */
export type Play =
  | { readonly fail: status; readonly details?: string; readonly retryInfoMs?: number; readonly retryAfterMs?: number }
  /** These bytes as the answer. */
  | { readonly body: Uint8Array; readonly headers?: Readonly<Record<string, string>> }
  /** No answer, until the caller gives up. */
  | 'silence'
  /** Every connection ends, before anything is done. */
  | 'cut'
  /** The work is done and the connection ends before the answer. */
  | 'cut after work'

export interface Seen<T> {
  readonly request: T
  readonly headers: Metadata
  readonly bytes: number
  /** That the caller still gave it. */
  readonly deadlineMs: number
}

type Call<T> = ServerUnaryCall<{ request: T; bytes: number }, Uint8Array>
type Reply = sendUnaryData<Uint8Array>

const leftMs = (call: Call<unknown>) => Number(call.getDeadline()) - Date.now()

/**
 * A real gRPC server whose answers are a script: one play for each call as long as there are any, then what a good
 * server answers from `rules`, `etag` and what it has stored.
 */
export class ScriptedServer implements AsyncDisposable {
  rules: Rule[] = []
  etag = 'v1-none'
  paused = false
  limits: ServerLimits | undefined
  nextSyncAfterMs = 0
  /** Wished for with each report that is stored. */
  retryAfterSeconds = 0
  readonly plays: { sync: Play[]; report: Play[] } = { sync: [], report: [] }
  readonly syncs: Seen<SyncRulesRequest>[] = []
  readonly reports: Seen<ReportEventsRequest>[] = []
  /** By id, in the order in which they came first. */
  readonly stored = new Map<string, Event>()
  duplicates = 0
  /** Over all connections, as they came. */
  receivedBytes = 0
  /** How an event is judged; undefined: stored. */
  judge: (event: Event) => { status: EventStatus; code: EventCode } | undefined = () => undefined
  /** Called before each report is worked on. */
  onReport: () => void = () => {}
  readonly #server: Server
  readonly #sockets = new Set<net.Socket>()
  readonly #front: net.Server
  #backPort = 0
  #port = 0

  private constructor(maxReceiveBytes: number) {
    this.#server = new Server({ 'grpc.max_receive_message_length': maxReceiveBytes })
    const raw = (bytes: Uint8Array) => Buffer.from(bytes)
    this.#server.addService(
      {
        syncRules: {
          ...SensorAPIService.syncRules,
          requestDeserialize: (bytes: Buffer) => ({ request: SyncRulesRequest.decode(bytes), bytes: bytes.length }),
          responseSerialize: raw,
        },
        reportEvents: {
          ...SensorAPIService.reportEvents,
          requestDeserialize: (bytes: Buffer) => ({ request: ReportEventsRequest.decode(bytes), bytes: bytes.length }),
          responseSerialize: raw,
        },
      },
      {
        syncRules: (call: Call<SyncRulesRequest>, reply: Reply) => this.#sync(call, reply),
        reportEvents: (call: Call<ReportEventsRequest>, reply: Reply) => this.#report(call, reply),
      },
    )
    this.#front = net.createServer(socket => this.#join(socket))
  }

  static async start({
    maxReceiveBytes = 64 * 1024 * 1024,
    credentials = ServerCredentials.createInsecure(),
  } = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(maxReceiveBytes)
    server.#backPort = await new Promise<number>((resolve, reject) =>
      server.#server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port))),
    )
    await server.up()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Takes connections, at the same port as before. */
  async up(): Promise<void> {
    await new Promise<void>(resolve => this.#front.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.#front.address() as net.AddressInfo).port
  }

  /** As a killed process: connections end, new ones are refused. */
  async down(): Promise<void> {
    const closed = new Promise(resolve => this.#front.close(resolve))
    this.cut()
    await closed
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
    this.#server.forceShutdown()
  }

  #join(socket: net.Socket): void {
    const back = net.connect(this.#backPort, '127.0.0.1').setNoDelay()
    socket.setNoDelay()
    socket.on('data', data => {
      this.receivedBytes += data.length
    })
    for (const [one, other] of [
      [socket, back],
      [back, socket],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }

  #sync(call: Call<SyncRulesRequest>, reply: Reply): void {
    const { request, bytes } = call.request
    this.syncs.push({ request, headers: call.metadata, bytes, deadlineMs: leftMs(call) })
    this.#play(this.plays.sync.shift(), call, reply, () => {
      const etag = this.paused ? 'PAUSED' : this.etag
      if (call.metadata.get('if-none-match')[0] === etag) {
        return { body: new Uint8Array(), headers: { 'x-etag': etag, 'x-not-modified': '1' } }
      }
      const seconds = Math.floor(this.nextSyncAfterMs / 1000)
      const body = SyncRulesResponse.encode({
        rules: this.paused ? [] : this.rules,
        etag,
        paused: this.paused,
        limits: this.limits,
        nextSyncAfter: seconds > 0 ? { seconds, nanos: 0 } : undefined,
        maskPointers: [],
        serverTime: undefined,
        serverVersion: 'scripted',
      }).finish()
      return { body, headers: { 'x-etag': etag } }
    })
  }

  #report(call: Call<ReportEventsRequest>, reply: Reply): void {
    const { request, bytes } = call.request
    this.reports.push({ request, headers: call.metadata, bytes, deadlineMs: leftMs(call) })
    this.onReport()
    this.#play(this.plays.report.shift(), call, reply, () => ({ body: this.#store(request.events) }))
  }

  #store(events: readonly Event[]): Uint8Array {
    const results: ReportEventsResponse['results'] = []
    let duplicateCount = 0
    for (const [index, event] of events.entries()) {
      const { eventId } = event
      const bad = this.judge(event)
      if (bad) {
        results.push({ eventId, index, errorMessage: 'as scripted', ...bad })
      } else if (this.stored.has(eventId)) {
        duplicateCount++
        const code = EventCode.EVENT_CODE_DUPLICATE
        results.push({ eventId, index, status: EventStatus.EVENT_STATUS_ACCEPTED, code, errorMessage: '' })
      } else {
        this.stored.set(eventId, event)
      }
    }
    this.duplicates += duplicateCount
    const rejectedCount = results.length - duplicateCount
    return ReportEventsResponse.encode({
      results,
      acceptedCount: events.length - rejectedCount,
      rejectedCount,
      duplicateCount,
      retryAfter: this.retryAfterSeconds > 0 ? { seconds: this.retryAfterSeconds, nanos: 0 } : undefined,
      limits: this.limits,
    }).finish()
  }

  #play(
    play: Play | undefined,
    call: Call<unknown>,
    reply: Reply,
    work: () => Exclude<Play, string | { fail: status }>,
  ) {
    if (play === 'silence') return
    if (play === 'cut') return this.cut()
    if (play === 'cut after work') {
      work()
      return this.cut()
    }
    if (play !== undefined && 'fail' in play) {
      const { fail, details = 'as scripted', retryInfoMs, retryAfterMs } = play
      const metadata = new Headers()
      if (retryAfterMs !== undefined) metadata.set('retry-after-ms', String(retryAfterMs))
      if (retryInfoMs !== undefined) {
        metadata.set('grpc-status-details-bin', retryInfoBytes(fail, details, retryInfoMs))
      }
      return reply({ code: fail, details, metadata })
    }
    const { body, headers = {} } = play ?? work()
    const initial = new Headers()
    for (const [key, value] of Object.entries(headers)) initial.set(key, value)
    call.sendMetadata(initial)
    return reply(null, body)
  }
}
