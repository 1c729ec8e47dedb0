import { readFile } from 'node:fs/promises'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { Secret } from '../../../core/lib/secret.ts'
import { ConfigError, Sensor } from '../../../sdk/typescript/src/index.ts'
import { EventFlush } from './event-flush.ts'
import type { PullSensor } from './pull-sensor.ts'
import { RulesOnPulls, type RulesOnPullsParts } from './rules-on-pulls.ts'

export interface RulesSettings {
  readonly apiUrl: URL
  readonly key: { readonly file: string } | { readonly token: Secret }
  readonly caFile: string | undefined
  readonly tags: readonly string[]
  readonly syncIntervalMs: number
}

export interface RulesParts extends Pick<RulesOnPullsParts, 'matched' | 'dropped'> {
  readonly settings: RulesSettings
  readonly clock: Clock
  readonly log: Logger
}

/** Events that wait to be sent; a burst of pulls may make as many in a moment. */
const bufferEvents = 10_000
const bufferBytes = 32 * 1024 * 1024

/**
 * Rules on pulls with their sensor, which fetches its rules in the background. Fail-safe: while tk-sensor-api cannot be
 * reached no rules are in force, and pulls go on as if there were none.
 */
export class RulesSide {
  readonly rules: RulesOnPulls
  readonly #clock: Clock
  readonly #log: Logger
  readonly #opened: Promise<EventFlush>
  #sensor: PullSensor | undefined
  #flush: EventFlush | undefined

  constructor(parts: RulesParts) {
    const { clock, log } = parts
    this.#clock = clock
    this.#log = log
    this.rules = new RulesOnPulls({ ...parts, recorded: () => this.#flush?.recorded() })
    this.#opened = this.#open(parts.settings)
    // Whoever waits for it hears of it.
    this.#opened.catch(() => {})
  }

  /**
   * Resolves when rules have been asked for once, or after `withinMs`: a server that starts should judge its first
   * reports, and must not wait for rules that do not come. Throws Code.Invalid for settings that no sensor takes.
   */
  async known(withinMs: number, stop: AbortSignal): Promise<void> {
    const timer = new AbortController()
    const late = this.#clock.sleep(withinMs, AbortSignal.any([timer.signal, stop])).catch(() => {})
    try {
      await Promise.race([this.#opened, late])
    } finally {
      timer.abort()
    }
  }

  /** For metrics. */
  figures() {
    const stats = this.#sensor?.stats()
    const { checks, failures } = this.rules.counts()
    const { accepted = 0, rejected = 0, buffered = 0, dropped } = stats?.events ?? {}
    const lost = Object.values(dropped ?? {}).reduce((sum, count) => sum + count, 0)
    const ready = this.#sensor?.state === 'READY'
    return { checks, failures, inForce: stats?.rules ?? 0, ready, accepted, rejected, buffered, lost }
  }

  /** Lives until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<undefined>(resolve => {
      if (signal.aborted) resolve(undefined)
      else signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
    const flush = await Promise.race([this.#opened.catch(() => undefined), stopped])
    await flush?.run(signal)
  }

  async close(): Promise<void> {
    if (this.#flush !== undefined) await this.#flush.close()
    // Its first sync goes on; nobody waits for it.
    else this.#opened.then(flush => flush.close()).catch(() => {})
  }

  async #open({ apiUrl, key, caFile, tags, syncIntervalMs }: RulesSettings): Promise<EventFlush> {
    const apiKey = 'file' in key ? (await readFile(key.file, 'utf8')).trim() : key.token.reveal()
    const ca = caFile === undefined ? undefined : await readFile(caFile)
    const options = {
      apiUrl: apiUrl.href,
      apiKey,
      ca,
      tags,
      syncInterval: `${syncIntervalMs}ms`,
      failureMode: 'fail-safe',
      raiseOnFail: false,
      bufferEvents,
      bufferBytes,
      logger: this.#log,
      // Its settings are this server's, which have been read.
      env: {},
    } as const
    const sensor: PullSensor = await Sensor.open(options).catch(error => {
      if (!(error instanceof ConfigError)) throw error
      throw new PulltraceError(Code.Invalid, `rules on pulls: ${error.faults.join('; ')}`, {
        fix: 'mend TK_API_URL, TK_API_KEY_FILE, TK_CA_FILE or TK_TAGS',
      })
    })
    this.#sensor = sensor
    this.#flush = new EventFlush({ sensor, bufferEvents, clock: this.#clock, log: this.#log })
    this.rules.use(sensor)
    return this.#flush
  }
}
