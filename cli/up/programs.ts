import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { Env } from '../../core/lib/settings.ts'
import type { Child, ChildSpec } from './child.ts'
import { pagesAddressOf, serverLinkOf } from './links.ts'
import { sensorSettings } from './plan-rules.ts'
import type { UpPlan } from './plan-up.ts'
import { addSamples, prepareRules, wantsSamples } from './prepare-rules.ts'

/** Main files of the programs, and the leash. */
export interface ProgramFiles {
  readonly server: string
  readonly agent: string
  readonly demo: string
  readonly sensorApi: string
  readonly webUi: string
  readonly leash: string
}

export interface RulesPrograms {
  readonly sensorApi: Child
  readonly webUi: Child
  /** Adds the sample rules to a new database, and ends. */
  readonly importer: Child | undefined
}

/** The programs of one machine, each a process. */
export interface Programs {
  readonly demo: Child | undefined
  readonly rules: RulesPrograms | undefined
  readonly server: Child
  readonly agent: Child
}

/** Its name, which nobody need see when all goes well. */
export const importerName = 'rules import'

/** Loads all of them side by side, which is what takes time; each then waits to begin. */
export function loadPrograms(
  { demo, rules, server, agent }: UpPlan,
  files: ProgramFiles,
  samples: string,
  load: (spec: ChildSpec) => Child,
): Programs {
  const importer = { name: importerName, main: files.sensorApi, args: ['rules', 'import', samples] }
  return {
    demo: demo && load({ name: 'demo', main: files.demo, env: demo }),
    rules: rules && {
      sensorApi: load({ name: 'sensor-api', main: files.sensorApi, env: rules.sensorApi }),
      webUi: load({ name: 'web-ui', main: files.webUi, env: rules.webUi }),
      importer: wantsSamples(rules, samples) ? load({ ...importer, env: rules.sensorApi }) : undefined,
    },
    server: load({ name: 'server', main: files.server, env: server }),
    agent: load({ name: 'agent', main: files.agent, env: agent }),
  }
}

/** In the order in which they end: the agent's last report still finds the server, and the server's last events tk-sensor-api. */
export function inOrderOfEnd({ demo, rules, server, agent }: Programs): readonly Child[] {
  const all = [agent, rules?.webUi, server, demo, rules?.sensorApi, rules?.importer]
  return all.filter(child => child !== undefined)
}

/** Waits until all are loaded. Throws once, with the faults of all their settings: then none has begun. */
export async function checkPrograms(children: readonly Child[], halt: AbortSignal): Promise<void> {
  await Promise.all(children.map(child => child.until(() => child.faults !== undefined, halt)))
  const faults = new Set(children.map(child => child.faults).filter(text => text))
  if (faults.size > 0) throw new PulltraceError(Code.Invalid, [...faults].join('\n'))
}

/**
 * Has them begin by turns, each when what it needs listens: tk-sensor-api before the server, which waits for its first
 * rules a moment only.
 */
export async function beginPrograms(
  { demo, rules, server, agent }: Programs,
  plan: UpPlan,
  samples: string,
  say: (line: string) => void,
  halt: AbortSignal,
): Promise<void> {
  demo?.begin({})
  const pages = plan.rules && (await pagesAddressOf(plan.rules.webUi))
  const sensor = rules && plan.rules && (await beginSensorApi(rules, plan.rules, plan.server, samples, say, halt))
  if (halt.aborted) return
  server.begin({ ...sensor, ...unlessGiven(plan.server, 'TK_PUBLIC_URL', pages?.link) })
  if (!(await server.until(() => server.urls.length > 0, halt))) return
  const url = server.urls[0]!
  if (rules && plan.rules && pages) {
    rules.webUi.begin({
      TK_HTTP_ADDR: pages.httpAddr,
      TK_ADMIN_PASSWORD_FILE: plan.rules.passwordFile,
      ...unlessGiven(plan.rules.webUi, 'PULLTRACE_PUBLIC_URL', serverLinkOf(plan.server, url)),
    })
  }
  if (demo) await demo.until(() => demo.tail.some(line => line.includes('demo runtime ready')), halt)
  agent.begin({ PULLTRACE_SERVER_URL: url })
}

/** Returns what makes the server its sensor; undefined when it has ended instead. */
async function beginSensorApi(
  { sensorApi, importer }: RulesPrograms,
  plan: NonNullable<UpPlan['rules']>,
  env: Env,
  samples: string,
  say: (line: string) => void,
  halt: AbortSignal,
) {
  await prepareRules(plan, env)
  const told = importer && (await addSamples(plan, importer, samples, halt))
  if (told !== undefined) say(told)
  if (halt.aborted) return undefined
  sensorApi.begin({ TK_BOOTSTRAP_API_KEY_FILE: plan.keyFile })
  await sensorApi.until(() => sensorApi.urls.length > 0, halt)
  const [url] = sensorApi.urls
  return url === undefined ? undefined : sensorSettings(plan, plan.sensorApi, url)
}

const unlessGiven = (env: Env, name: string, value: string | undefined) =>
  env[name] || value === undefined ? {} : { [name]: value }
