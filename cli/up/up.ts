import type { PulltraceConfig } from '../../core/contract/pulltrace-config.ts'
import type { Clock } from '../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { Env } from '../../core/lib/settings.ts'
import { checkPrograms } from './check-programs.ts'
import { Child, type Exit } from './child.ts'
import { formatLogLine, isShown, parseLogLine } from './log-line.ts'
import { type RulesPlan, sensorSettings } from './plan-rules.ts'
import type { ContainerdFound, UpPlan } from './plan-up.ts'
import { prepareRules } from './prepare-rules.ts'
import { readyLines } from './ready-lines.ts'

/** Main files of the programs, and the leash. */
export interface Programs {
  readonly server: string
  readonly agent: string
  readonly demo: string
  readonly sensorApi: string
  readonly leash: string
}

export interface UpParts {
  readonly config: PulltraceConfig
  readonly plan: UpPlan
  readonly containerd: ContainerdFound
  readonly programs: Programs
  /** Folder of the rules that a new database begins with. */
  readonly sampleRules: string
  readonly clock: Clock
  readonly color: boolean
  /** How this program was called, for what is printed. */
  readonly command: string
  /** What `up` has to say. */
  readonly say: (line: string) => void
  /** What its programs have to say. */
  readonly log: (line: string) => void
}

/** How long a program may take until it is ready. Milliseconds. */
const readyWithinMs = 20_000
/** How long a program may take to stop: more than the server's own grace. Milliseconds. */
const stopWithinMs = 15_000

/**
 * Checks the settings of all programs, starts them, waits until they are ready, and stops them newest first, the agent before the server,
 * when `stop` aborts; `kill` ends the waiting. A program that ends by itself ends everything, with an
 * error: on one machine a crash should be seen, and who wants restarts has a service manager for it.
 */
export async function runUp(parts: UpParts, stop: AbortSignal, kill: AbortSignal): Promise<void> {
  const { plan, programs, clock, say } = parts
  await checkPrograms([
    { name: 'server', main: programs.server, env: plan.server },
    { name: 'agent', main: programs.agent, env: plan.agent },
    ...(plan.rules ? [{ name: 'sensor-api', main: programs.sensorApi, env: plan.rules.sensorApi }] : []),
  ])
  if (stop.aborted) return
  const children: Child[] = []
  const died = new AbortController()
  const halt = AbortSignal.any([stop, died.signal])
  let fault: PulltraceError | undefined
  const end = (error: PulltraceError) => {
    if (halt.aborted) return
    fault = error
    died.abort()
  }
  const start = (name: string, main: string, env: Env): Child => {
    const prefix = prefixOf(name, plan.demo !== undefined)
    const child = new Child({ name, main, env }, programs.leash, line => {
      if (isShown(line, plan.logLevel)) parts.log(`${prefix} | ${formatLogLine(line, parts.color)}`)
      const error = secondCopyError(line)
      if (error !== undefined) end(error)
    })
    children.unshift(child)
    child.exited.then(exit => end(diedError(child, exit)))
    return child
  }
  try {
    sayFirst(parts)
    const rules = plan.rules && (await startRules(parts, plan.rules, start, halt))
    const demo = plan.demo && start('demo', programs.demo, plan.demo)
    const server = start('server', programs.server, { ...plan.server, ...rules?.settings })
    await server.until(() => server.urls.length > 0, halt)
    if (demo) await demo.until(() => demo.tail.some(line => line.includes('demo runtime ready')), halt)
    if (!halt.aborted) {
      const [url] = server.urls
      const agent = start('agent', programs.agent, { ...plan.agent, PULLTRACE_SERVER_URL: url })
      const started = [server, agent, ...(rules ? [rules.sensorApi] : [])]
      for (const child of started) await becomesReady(parts, child, halt)
      if (!halt.aborted) sayReady(parts, server, agent, rules?.sensorApi)
    }
    if (!halt.aborted) await new Promise(resolve => halt.addEventListener('abort', resolve, { once: true }))
  } finally {
    if (stop.aborted) say(`Stopping ${children.map(({ name }) => name).join(', then ')}; Ctrl-C again kills.`)
    // Newest first: the agent's last report still finds the server.
    for (const child of children) await child.stop(clock, stopWithinMs, kill)
  }
  if (fault !== undefined) throw fault
  say('Stopped.')
}

/** tk-sensor-api runs before the server does, which waits for its first rules a moment only. */
async function startRules(
  { programs, sampleRules, say }: UpParts,
  plan: RulesPlan,
  start: (name: string, main: string, env: Env) => Child,
  halt: AbortSignal,
) {
  const told = await prepareRules(plan, programs.sensorApi, sampleRules)
  if (told !== undefined) say(told)
  if (halt.aborted) return undefined
  const env = { ...plan.sensorApi, TK_BOOTSTRAP_API_KEY_FILE: plan.keyFile }
  const sensorApi = start('sensor-api', programs.sensorApi, env)
  await sensorApi.until(() => sensorApi.urls.length > 0, halt)
  const [url] = sensorApi.urls
  return url === undefined ? undefined : { sensorApi, settings: sensorSettings(plan, plan.sensorApi, url) }
}

function prefixOf(name: string, demo: boolean): string {
  return name === 'agent' && demo ? 'agent (DEMO DATA)' : name === 'demo' ? 'demo (DEMO DATA)' : name
}

/** Polls the addresses of a child until one of them says it is ready. Not being ready in time is said, not fatal. */
async function becomesReady({ clock, say }: UpParts, child: Child, halt: AbortSignal): Promise<void> {
  const untilMs = clock.monotonic() + readyWithinMs
  let told = ''
  while (clock.monotonic() < untilMs && !halt.aborted) {
    for (const url of child.urls) {
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.any([halt, AbortSignal.timeout(2000)]) }).catch(
        () => undefined,
      )
      const text = await answer?.text().catch(() => '')
      if (answer?.ok) return
      if (answer !== undefined && answer.status !== 404) told = text ?? ''
    }
    await clock.sleep(50, halt).catch(() => {})
  }
  if (!halt.aborted) say(`The ${child.name} is not ready yet; it goes on trying. ${told.slice(0, 200)}`.trim())
}

function sayFirst({ containerd, plan, say }: UpParts): void {
  if (plan.demo) {
    say(
      `DEMO DATA: ${containerd.socket} cannot be used (${containerd.trouble}), so a demo runtime pulls sample images.`,
    )
  } else {
    say(`Watching the containerd of this machine at ${containerd.socket}.`)
  }
  if (plan.ignored.length > 0) say(`Ignored, as only a cluster can honour them: ${plan.ignored.join(', ')}.`)
}

function sayReady({ plan, command, say }: UpParts, server: Child, agent: Child, sensorApi: Child | undefined): void {
  const [url, ...serverMetrics] = server.urls
  const metrics = [
    ...serverMetrics.map(base => ({ of: 'server', url: base })),
    ...agent.urls.map(base => ({ of: 'agent', url: base })),
    ...(sensorApi?.urls.slice(1) ?? []).map(base => ({ of: 'sensor-api', url: base })),
  ]
  const demo = plan.demo !== undefined
  const ready = {
    server: plan.server,
    url: url!,
    metrics,
    nodeName: plan.nodeName,
    demo,
    command,
    rules: sensorApi && plan.rules,
  }
  for (const line of readyLines(ready)) say(line)
}

/** What is known to help, by what the last lines say. */
const advices: readonly [RegExp, string][] = [
  [/instance is already running/, 'stop the other copy, or set PULLTRACE_DATA_DIR to another folder'],
  [
    /in use|EADDRINUSE/,
    'another program has this address, perhaps a second copy: stop it, or set PULLTRACE_HTTP_ADDR, PULLTRACE_METRICS_ADDR, PULLTRACE_AGENT_METRICS_ADDR, TK_GRPC_ADDR and TK_SENSOR_METRICS_ADDR to others (127.0.0.1:0 takes any free port) and PULLTRACE_DATA_DIR to another folder',
  ],
  [/ENOSPC|no space/i, 'make room on the disk, or set PULLTRACE_DATA_DIR to a folder on another one'],
  [
    /EACCES|EPERM|EROFS|permission/i,
    'run it as a user who may, or set PULLTRACE_DATA_DIR to a folder that can be written',
  ],
]

/**
 * A server whose history another process holds serves live pulls without it. Here that is a second copy
 * by mistake, and its history would silently stay empty: it ends.
 */
function secondCopyError(line: string): PulltraceError | undefined {
  const parsed = parseLogLine(line)
  if (parsed?.message !== 'history unavailable' || parsed.fields['kind'] !== 'in_use') return undefined
  const { message } = Object(parsed.fields['error']) as { message?: unknown }
  return new PulltraceError(Code.Unavailable, `everything was stopped: ${message ?? parsed.message}`, {
    fix: 'stop the other copy, or set PULLTRACE_DATA_DIR to another folder',
  })
}

function diedError(child: Child, { code, signal }: Exit): PulltraceError {
  const how = signal === null ? `ended with code ${code ?? '?'}` : `was ended by ${signal}`
  const lines = child.tail.map(line => `  ${formatLogLine(line, false)}`)
  const last = lines.length === 0 ? 'It wrote nothing.' : `Its last lines:\n${lines.slice(-5).join('\n')}`
  const fix = advices.find(([pattern]) => child.tail.some(line => pattern.test(line)))?.[1]
  return new PulltraceError(Code.Unavailable, `the ${child.name} ${how}, so everything was stopped. ${last}`, { fix })
}
