import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { collectProcessMetrics } from '../../core/lib/process-metrics.ts'
import type { SignInResult } from './people/accounts.ts'

/** Why a request was turned away before anybody looked at what it asks. */
export const refusals = ['cross_site', 'csrf', 'no_session', 'unknown_session', 'password_change', 'role'] as const
export type Refusal = (typeof refusals)[number]

export interface WebUiSources {
  readonly version: string
  readonly databaseUp: () => boolean
  readonly connections: () => Promise<number>
}

export class WebUiMetrics {
  readonly registry = new Registry()
  readonly #requests = new Counter({
    name: 'trapperkeeper_web_requests_total',
    help: 'Requests answered, by route as it is written in the program, or none.',
    labelNames: ['route', 'method', 'status'],
    registers: [this.registry],
  })
  readonly #seconds = new Histogram({
    name: 'trapperkeeper_web_request_duration_seconds',
    help: 'From the head of a request to the head of its answer.',
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.registry],
  })
  readonly #refused = new Counter({
    name: 'trapperkeeper_web_refused_total',
    help: 'Requests turned away: from another site, with a wrong form token, no or an unknown session, a role too low.',
    labelNames: ['reason'],
    registers: [this.registry],
  })
  readonly #signIns = new Counter({
    name: 'trapperkeeper_web_sign_ins_total',
    help: 'Passwords given: right, wrong, or not looked at after too many wrong ones.',
    labelNames: ['result'],
    registers: [this.registry],
  })

  constructor({ version, databaseUp, connections }: WebUiSources) {
    for (const reason of refusals) this.#refused.inc({ reason }, 0)
    for (const result of ['success', 'wrong', 'blocked'] as const) this.#signIns.inc({ result }, 0)
    const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
      new Gauge({
        ...{ name: `trapperkeeper_${name}`, help, registers: [this.registry] },
        async collect() {
          this.set(await read())
        },
      })
    gauge('web_connections_active', 'Open connections of browsers.', connections)
    gauge('db_up', '1 while the database can be used, else 0.', () => (databaseUp() ? 1 : 0))
    new Gauge({
      name: 'trapperkeeper_build_info',
      help: 'Always 1.',
      labelNames: ['version', 'node_version'],
      registers: [this.registry],
    }).set({ version, node_version: process.versions.node }, 1)
    collectProcessMetrics(this.registry)
  }

  readonly answered = (route: string, method: string, status: number, seconds: number): void => {
    this.#requests.inc({ route, method, status: String(status) })
    this.#seconds.observe(seconds)
  }
  readonly refused = (reason: Refusal): void => this.#refused.inc({ reason })
  readonly signInTried = (result: SignInResult): void => this.#signIns.inc({ result })
}
