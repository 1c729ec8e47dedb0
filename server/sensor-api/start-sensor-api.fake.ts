import { randomUUID } from 'node:crypto'
import { type ClientUnaryCall, credentials, Metadata, type ServiceError, type status as Status } from '@grpc/grpc-js'
import { type Clock, systemClock } from '../../core/lib/clock.ts'
import { type Logger, silentLogger } from '../../core/lib/log.ts'
import type { Env } from '../../core/lib/settings.ts'
import type { LiveTls } from '../../core/lib/tls.ts'
import {
  Action,
  type Event,
  MatchKind,
  ReportEventsRequest,
  type ReportEventsResponse,
  SensorAPIClient,
  SyncRulesRequest,
  type SyncRulesResponse,
} from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { hashesOf, makeKey } from '../tk/api-key.ts'
import { loadSensorApiConfig } from './config.ts'
import { KeyRing } from './keys/authenticate.ts'
import { FakeKeysStore } from './keys/keys-store.fake.ts'
import { openSensorApi } from './open-sensor-api.ts'
import { FakeTkStore } from './tk-store.fake.ts'

export interface StartOptions {
  readonly env?: Env
  readonly tls?: LiveTls
  readonly clock?: Clock
  readonly log?: Logger
  readonly channel?: Readonly<Record<string, number>>
}

/** The service in this process, on a free port, over a store in memory; with a key and a client. */
export async function startSensorApi({
  env = {},
  tls,
  clock = systemClock,
  log = silentLogger,
  channel,
}: StartOptions = {}) {
  const config = loadSensorApiConfig({ TK_GRPC_ADDR: '127.0.0.1:0', ...env })
  const store = new FakeTkStore()
  const keysStore = new FakeKeysStore()
  const secrets = [keysStore.secret]
  const keys = new KeyRing({ secrets, store: keysStore, clock })
  const api = openSensorApi({ config, version: '1.2.3', store, keys, clock, log })
  const listener = await api.listen(tls)
  api.state.notReady = undefined
  const key = makeKey(keysStore.secret)
  const { id } = await keysStore.create({ name: 'test', ...hashesOf(secrets, key)[0]! })
  const address = `127.0.0.1:${listener.address.port}`
  const client = new SensorAPIClient(address, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': -1,
    ...channel,
  })
  return {
    api,
    store,
    keysStore,
    client,
    address,
    key: key.text,
    keyId: id,
    sync: (request: Partial<SyncRulesRequest> = {}, headers: Headers = {}) =>
      sync(client, request, { 'x-api-key': key.text, ...headers }),
    report: (request: Partial<ReportEventsRequest> = {}, headers: Headers = {}) =>
      report(client, request, { 'x-api-key': key.text, ...headers }),
    metadata: () => metadataOf({ 'x-api-key': key.text }),
    metrics: () => api.metrics.registry.metrics(),
    async [Symbol.asyncDispose]() {
      client.close()
      await api.close(1000)
    },
  }
}

export type Headers = Readonly<Record<string, string | undefined>>

/** What a call ended with. */
export interface Ended<T> {
  readonly response: T | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly trailers: Metadata
  readonly code: Status
  readonly details: string
}

type Call<Q, R> = (
  request: Q,
  metadata: Metadata,
  callback: (error: ServiceError | null, response: R) => void,
) => ClientUnaryCall

export function ended<Q, R>(call: Call<Q, R>, request: Q, headers: Headers): Promise<Ended<R>> {
  return new Promise(resolve => {
    let initial: Record<string, unknown> = {}
    let answer: R | undefined
    const running = call(request, metadataOf(headers), (_, response) => {
      answer = response
    })
    running.on('metadata', given => {
      initial = given.getMap()
    })
    running.on('status', ({ code, details, metadata: trailers }) =>
      // The callback comes in the same turn.
      setImmediate(() => resolve({ response: answer, headers: initial, trailers, code, details })),
    )
  })
}

function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) metadata.set(name, value)
  return metadata
}

export const sync = (client: SensorAPIClient, request: Partial<SyncRulesRequest>, headers: Headers) =>
  ended<SyncRulesRequest, SyncRulesResponse>(
    (...args) => client.syncRules(...args),
    { ...SyncRulesRequest.decode(new Uint8Array(0)), ...request },
    headers,
  )

export const report = (client: SensorAPIClient, request: Partial<ReportEventsRequest>, headers: Headers) =>
  ended<ReportEventsRequest, ReportEventsResponse>(
    (...args) => client.reportEvents(...args),
    { ...ReportEventsRequest.decode(new Uint8Array(0)), ...request },
    headers,
  )

/** UUIDv7 enough: time, version, random. */
export function uuid7(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

export function goodEvent(parts: Partial<Event> = {}): Event {
  return {
    eventId: uuid7(),
    payload: undefined,
    metadata: {},
    clientTimestamp: { seconds: 1_795_000_000, nanos: 5_000_000 },
    ruleId: '01990000-0000-7000-8000-000000000001',
    ruleVersion: 1,
    action: Action.ACTION_OBSERVE,
    matchKind: MatchKind.MATCH_KIND_VALUE,
    groupIndex: 0,
    conditionIndex: 0,
    matchedPath: { segments: [{ fieldName: 'layers' }, { arrayIndex: 2 }, { fieldName: 'bytes' }] },
    matchedValueJson: '512',
    recordJson: Buffer.from('{"layers":[{"bytes":512}]}'),
    recordOmitted: false,
    maskedPointers: [],
    matchedValueTruncated: false,
    ...parts,
  }
}
