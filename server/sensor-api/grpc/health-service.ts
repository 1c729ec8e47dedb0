import type { handleServerStreamingCall, handleUnaryCall, Server, ServerWritableStream } from '@grpc/grpc-js'
import { status as Status } from '@grpc/grpc-js'
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../proto/generated/grpc/health/v1/health.ts'

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>

/** Who watches for ever costs a stream; more than this many are told to come again. */
const maxWatchers = 1000

/** grpc.health.v1: of the whole server and of each of its services the same. */
export class GrpcHealth {
  readonly #services: ReadonlySet<string>
  readonly #watchers = new Map<Watcher, ServingStatus>()
  readonly #serving: () => boolean

  constructor(services: readonly string[], serving: () => boolean) {
    this.#services = new Set(['', ...services])
    this.#serving = serving
  }

  addTo(server: Server): void {
    server.addService(HealthService, { check: this.#check, watch: this.#watch })
  }

  /** Tells who watches, where it is not what they were told last. Call it when it may have changed. */
  refresh(): void {
    for (const [watcher, told] of this.#watchers) {
      const now = this.#statusOf(watcher.request.service)
      if (now === told) continue
      this.#watchers.set(watcher, now)
      watcher.write({ status: now })
    }
  }

  /** Ends what would never end by itself. */
  close(): void {
    this.refresh()
    for (const watcher of this.#watchers.keys()) watcher.end()
    this.#watchers.clear()
  }

  #statusOf(service: string): ServingStatus {
    if (!this.#services.has(service)) return ServingStatus.SERVICE_UNKNOWN
    return this.#serving() ? ServingStatus.SERVING : ServingStatus.NOT_SERVING
  }

  readonly #check: handleUnaryCall<HealthCheckRequest, HealthCheckResponse> = ({ request }, answer) => {
    const status = this.#statusOf(request.service)
    if (status === ServingStatus.SERVICE_UNKNOWN) answer({ code: Status.NOT_FOUND, details: 'no such service' })
    else answer(null, { status })
  }

  readonly #watch: handleServerStreamingCall<HealthCheckRequest, HealthCheckResponse> = watcher => {
    if (this.#watchers.size >= maxWatchers) {
      watcher.emit('error', { code: Status.UNAVAILABLE, details: `at most ${maxWatchers} clients may watch` })
      return
    }
    const status = this.#statusOf(watcher.request.service)
    this.#watchers.set(watcher, status)
    const forget = () => this.#watchers.delete(watcher)
    watcher.on('cancelled', forget)
    watcher.on('error', forget)
    watcher.write({ status })
  }
}
