import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { harmless } from '../../../core/lib/harmless.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { pausedEtag } from '../../../core/rules/etag.ts'
import { SyncRulesRequest, SyncRulesResponse } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { decoded, sensorIdOf, tagsOf } from '../caller.ts'
import type { DropReports } from '../drop-reports.ts'
import type { Work } from '../grpc/unary.ts'
import { timestampOf } from '../timestamp.ts'
import type { RulesView } from './rules-view.ts'

const protocolVersion = 1
/** 64 tags, and a word on each of 2,000 rules. Two bytes can be a message within it, which takes 50 times that. */
const maxRequestBytes = 1024 * 1024
const nothing = new Uint8Array(0)

export type SyncResult = 'full' | 'not_modified' | 'paused' | 'error'

export interface SyncRulesParts {
  readonly view: Pick<RulesView, 'current'>
  readonly version: string
  readonly drops: DropReports
  readonly synced: (result: SyncResult, seconds: number) => void
  readonly applyErrors: (count: number) => void
  readonly clock: Clock
  readonly log: Logger
}

/** The rules for a sensor's tags, or nothing when it has them already. */
export function syncRules(parts: SyncRulesParts): Work {
  const { view, version, drops, synced, clock } = parts
  return async (body, { requestId }, metadata) => {
    const startedMs = clock.monotonic()
    let result: SyncResult = 'error'
    try {
      if (body.byteLength > maxRequestBytes) {
        throw new PulltraceError(
          Code.TooLarge,
          `a SyncRules request must be at most ${maxRequestBytes} bytes, got ${body.byteLength}`,
        )
      }
      const request = decoded(SyncRulesRequest, body)
      if (request.protocolVersion > protocolVersion) {
        throw new PulltraceError(
          Code.Invalid,
          `protocol_version must be at most ${protocolVersion}, got ${request.protocolVersion}`,
        )
      }
      const tags = tagsOf(request.tags)
      const sensorId = sensorIdOf(request.sensorId)
      drops.count(request.dropReports)
      noteApplyErrors(parts, request, sensorId, requestId)
      const set = (await view.current()).for(tags)
      if (metadata.get('if-none-match')[0]?.toString() === set.etag) {
        result = 'not_modified'
        return { body: nothing, headers: { 'x-etag': set.etag, 'x-not-modified': '1' } }
      }
      result = set.etag === pausedEtag ? 'paused' : 'full'
      return { body: withMoment(set.bytes, version, clock.now()), headers: { 'x-etag': set.etag } }
    } finally {
      synced(result, (clock.monotonic() - startedMs) / 1000)
    }
  }
}

/** What differs from answer to answer is put behind what does not: fields of a message may come in any order. */
function withMoment(set: Uint8Array, serverVersion: string, nowMs: number): Uint8Array {
  const moment = SyncRulesResponse.encode({
    rules: [],
    etag: '',
    paused: false,
    limits: undefined,
    nextSyncAfter: undefined,
    maskPointers: [],
    serverTime: timestampOf(nowMs),
    serverVersion,
  }).finish()
  return Buffer.concat([set, moment])
}

function noteApplyErrors(
  { applyErrors, log }: SyncRulesParts,
  { applyError, applyErrors: errors }: SyncRulesRequest,
  sensorId: string,
  requestId: string,
): void {
  const count = errors.length + (applyError === '' ? 0 : 1)
  if (count === 0) return
  applyErrors(count)
  const first = applyError || `${errors[0]?.ruleId}: ${errors[0]?.message}`
  log.warn('rules not applied by a sensor', { sensorId, requestId, count, first: harmless(first.slice(0, 300)) })
}
