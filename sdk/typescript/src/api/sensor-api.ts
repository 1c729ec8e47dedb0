import { Client, credentials, Metadata, type MetadataValue, type ServiceError, status } from '@grpc/grpc-js'
import { SensorAPIService } from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { CallFailure, fromGrpc } from './call-failure.ts'

/** An answer as it came: what it means is for who asked. */
export interface Answer {
  readonly body: Uint8Array
  /** First value of a key of the initial metadata. */
  header(key: string): string | undefined
}

export interface CallOptions {
  /** Of this try. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

/** The two calls of the sensor API, with bytes in and out. Every failure is a CallFailure. */
export interface SensorApi {
  syncRules(request: Uint8Array, options: CallOptions): Promise<Answer>
  reportEvents(request: Uint8Array, options: CallOptions): Promise<Answer>
  close(): void
}

export interface SensorApiOptions {
  readonly apiUrl: URL
  readonly apiKey: string
  readonly ca: Buffer | undefined
  readonly compress: boolean
  readonly requestId: () => string
}

const maxReceiveBytes = 64 * 1_024 * 1_024
const gzip = 2

export function openSensorApi({ apiUrl, apiKey, ca, compress, requestId }: SensorApiOptions): SensorApi {
  const secure = apiUrl.protocol === 'https:'
  const target = `${apiUrl.hostname}:${apiUrl.port || (secure ? 443 : 80)}`
  const client = new Client(target, secure ? credentials.createSsl(ca ?? null) : credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': -1,
    ...(compress && { 'grpc.default_compression_algorithm': gzip }),
    // A server that is back must be found by the next try, not after gRPC's usual back-off of up to two minutes.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    // Retries are ours: they know which answers allow one.
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    // Else a closed sensor's connection would stay for others to share.
    'grpc.use_local_subchannel_pool': 1,
  })

  const call = (name: keyof typeof SensorAPIService, request: Uint8Array, options: CallOptions): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { signal, headers = {}, deadlineMs } = options
      const cancelled = () => new CallFailure(status.CANCELLED, `${name} was given up: the sensor is closed`)
      if (signal.aborted) return reject(cancelled())
      const metadata = new Metadata()
      const all = { 'x-api-key': apiKey, 'x-request-id': requestId(), ...headers }
      for (const [key, value] of Object.entries(all)) metadata.set(key, value)

      let initial: Metadata | undefined
      const done = (error: ServiceError | null, body?: Buffer) => {
        signal.removeEventListener('abort', abort)
        if (signal.aborted) reject(cancelled())
        else if (error) reject(fromGrpc(name, apiUrl, error))
        else resolve({ body: body!, header: key => first(initial?.get(key)) })
      }
      const { path } = SensorAPIService[name]
      const deadline = Date.now() + deadlineMs
      const unary = client.makeUnaryRequest(path, asBuffer, asIs, request, metadata, { deadline }, done)
      unary.on('metadata', received => {
        initial = received
      })
      const abort = () => unary.cancel()
      signal.addEventListener('abort', abort, { once: true })
    })

  return {
    syncRules: (request, options) => call('syncRules', request, options),
    reportEvents: (request, options) => call('reportEvents', request, options),
    close: () => client.close(),
  }
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const asIs = (bytes: Buffer) => bytes

function first(values: MetadataValue[] | undefined): string | undefined {
  const value = values?.[0]
  return value === undefined ? undefined : value.toString()
}
