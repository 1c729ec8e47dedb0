import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ReportBodies } from '../reports.ts'

const pullsPerNode = 5
const agent = new Agent({ keepAlive: true, maxSockets: 16 })

/** The agents of a cluster that pulls five images of ten layers on each node; every report moves all pulls of its node. */
export class PullingCluster {
  readonly #url: string
  readonly #bodies: ReportBodies
  readonly #nodes: number
  #reports = 0

  constructor(url: string, pulls: number) {
    this.#url = `${url}/api/v1/report`
    this.#nodes = pulls / pullsPerNode
    this.#bodies = new ReportBodies({ nodes: this.#nodes, pullsPerNode, layersPerPull: 10 })
  }

  /** One report of each node, so that all of its pulls are known. */
  async begin(): Promise<void> {
    for (let at = 0; at < this.#nodes; at += 16) {
      await Promise.all(Array.from({ length: Math.min(16, this.#nodes - at) }, () => this.#reportNext()))
    }
  }

  /** Until aborted, this many pulls move each second, node after node. Returns how many did. */
  async move(pullsPerSecond: number, signal: AbortSignal): Promise<number> {
    const startMs = performance.now()
    const first = this.#reports
    const failed: unknown[] = []
    while (!signal.aborted && failed.length === 0) {
      // By the clock, so that a busy machine gets the same load, later.
      const due = first + ((performance.now() - startMs) / 1000) * (pullsPerSecond / pullsPerNode)
      while (this.#reports < due) this.#reportNext().catch(error => failed.push(error))
      await delay(20)
    }
    if (failed.length > 0) throw failed[0]
    return (this.#reports - first) * pullsPerNode
  }

  #reportNext(): Promise<void> {
    const report = this.#reports++
    const body = this.#bodies.body(report % this.#nodes, 1 + Math.floor(report / this.#nodes))
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    return new Promise((resolve, reject) => {
      const sent = request(this.#url, { method: 'POST', agent, headers }, answer => {
        answer.resume().on('end', () => {
          if (answer.statusCode === 200) resolve()
          else reject(new Error(`the report was answered ${answer.statusCode}`))
        })
      })
      sent.on('error', reject).end(body)
    })
  }
}
