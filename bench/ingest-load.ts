import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { type Measured, median, startMeasured } from './measure.ts'
import { type Load, ReportBodies } from './reports.ts'

/** How a server is loaded. */
export interface TrialOptions {
  readonly program: string
  readonly load: Load
  readonly gzip?: boolean
  readonly env?: Record<string, string>
  /**
   * Reports a second, each node over its own connection, as agents do. Without: over 32 connections, as fast as the
   * server answers.
   */
  readonly pace?: number
}

export interface Cost {
  readonly cpuMicros: number
  readonly bytesPerNode: number
}

/** Reports before the first that counts: a server lives for days, and half of its first second is its compiler. */
const warmReports = 15_000
/** Reports of one turn. Short, so that a machine whose speed drifts is the same for all that take turns. */
const turnReports = 4000
const pacedTurnReports = 2000
const connections = 32
/** A small cluster reports a thousand times. */
const stepBytes = 8192

/**
 * All run at once and take turns, `rounds` times four. The figures of each are the medians of its turns. Those with a
 * pace take theirs together: nodes that fall silent meanwhile would be taken for stale, and cost more when they are back.
 */
export async function inTurn(trials: Record<string, TrialOptions>, rounds: number): Promise<Map<string, Cost>> {
  await using running = new AsyncDisposableStack()
  const started = new Map<string, Trial>()
  for (const [name, options] of Object.entries(trials)) started.set(name, running.use(await Trial.start(options)))
  const paced = Object.values(trials).some(({ pace }) => pace !== undefined)
  for (let turn = 0; turn < rounds * 4; turn++) {
    if (paced) await Promise.all([...started.values()].map(trial => trial.turn()))
    else for (const trial of started.values()) await trial.turn()
  }
  const costs = new Map<string, Cost>()
  for (const [name, trial] of started) {
    costs.set(name, { cpuMicros: median(trial.cpuMicros), bytesPerNode: await trial.bytesPerNode() })
  }
  return costs
}

/** A server under a load of its own, measured turn by turn. */
class Trial implements AsyncDisposable {
  readonly cpuMicros: number[] = []
  readonly #server: Measured
  readonly #options: TrialOptions
  readonly #emptyBytes: number
  readonly #bodies: ReportBodies
  readonly #agent: Agent
  #seq = 1

  private constructor(server: Measured, emptyBytes: number, options: TrialOptions) {
    this.#server = server
    this.#emptyBytes = emptyBytes
    this.#options = options
    this.#bodies = new ReportBodies(options.load, stepBytes)
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.pace === undefined ? connections : Infinity })
  }

  static async start(options: TrialOptions): Promise<Trial> {
    const server = await startMeasured(options.program, options.env)
    const trial = new Trial(server, (await server.memory()).liveBytes, options)
    await trial.#postAtOnce(warmReports)
    if (options.pace !== undefined) await trial.#postPaced(pacedTurnReports, options.pace)
    return trial
  }

  async turn(): Promise<void> {
    const { pace } = this.#options
    const beforeMs = await this.#server.cpuMs()
    const reports = await (pace === undefined ? this.#postAtOnce(turnReports) : this.#postPaced(pacedTurnReports, pace))
    this.cpuMicros.push((((await this.#server.cpuMs()) - beforeMs) * 1000) / reports)
  }

  async bytesPerNode(): Promise<number> {
    return ((await this.#server.memory()).liveBytes - this.#emptyBytes) / this.#options.load.nodes
  }

  async [Symbol.asyncDispose]() {
    this.#agent.destroy()
    await this.#server[Symbol.asyncDispose]()
  }

  /** At least so many, each node as often as the others. */
  async #postAtOnce(reports: number): Promise<number> {
    const bodies = this.#nextBodies(reports)
    let posted = 0
    const worker = async () => {
      for (const body of bodies) {
        await this.#post(body)
        posted++
      }
    }
    await Promise.all(Array.from({ length: connections }, worker))
    return posted
  }

  /** The same, spread evenly over the time. A report that is late is sent with the next one. */
  async #postPaced(reports: number, pace: number): Promise<number> {
    const posts: Promise<void>[] = []
    const startMs = performance.now()
    for (const body of this.#nextBodies(reports)) {
      while ((performance.now() - startMs) * pace < posts.length * 1000) await delay(1)
      posts.push(this.#post(body))
    }
    await Promise.all(posts)
    return posts.length
  }

  *#nextBodies(reports: number): Generator<Buffer, undefined> {
    const { nodes } = this.#options.load
    const firstSeq = this.#seq
    const looks = Math.max(1, Math.ceil(reports / nodes))
    this.#seq += looks
    for (let seq = firstSeq; seq < firstSeq + looks; seq++) {
      for (let node = 0; node < nodes; node++) yield this.#bodies.body(node, seq)
    }
  }

  #post(plain: Buffer): Promise<void> {
    const { gzip } = this.#options
    const body = gzip ? gzipSync(plain, { level: 1 }) : plain
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(gzip && { 'content-encoding': 'gzip' }),
    }
    return new Promise((resolve, reject) => {
      const url = new URL('/api/v1/report', this.#server.url)
      const outgoing = request(url, { method: 'POST', agent: this.#agent, headers }, response => {
        const refused = async () => reject(new Error(`${response.statusCode}: ${await text(response)}`))
        if (response.statusCode !== 200) return void refused()
        response.resume().on('end', resolve)
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
}
