import type { PulltraceConfig } from '../../core/contract/pulltrace-config.ts'
import type { Clock } from '../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { unknownSettingText } from '../../core/lib/unknown-settings.ts'
import { Child, type Exit } from './child.ts'
import { endingErrorOf, formatLogLine, isShown, parseLogLine } from './log-line.ts'
import type { ContainerdFound, UpPlan } from './plan-up.ts'
import {
  beginPrograms,
  checkPrograms,
  importerName,
  inOrderOfEnd,
  loadPrograms,
  type ProgramFiles,
  type Programs,
} from './programs.ts'
import { readyLines } from './ready-lines.ts'

export interface UpParts {
  readonly config: PulltraceConfig
  readonly plan: UpPlan
  readonly containerd: ContainerdFound
  readonly files: ProgramFiles
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
 * Loads all programs, has them begin when the settings of all are right, waits until they are ready, and stops them by
 * turns when `stop` aborts; `kill` ends the waiting. A program that ends by itself ends everything, with an error: on
 * one machine a crash should be seen, and who wants restarts has a service manager for it.
 */
export async function runUp(parts: UpParts, stop: AbortSignal, kill: AbortSignal): Promise<void> {
  const { plan, files, sampleRules, clock, say } = parts
  const died = new AbortController()
  const halt = AbortSignal.any([stop, died.signal])
  let fault: PulltraceError | undefined
  /** Whether it is this that ends everything. */
  const end = (error: PulltraceError): boolean => {
    if (halt.aborted) return false
    fault = error
    died.abort()
    return true
  }
  // Loading takes a moment, in which a person should see that something happens.
  sayFirst(parts)
  const programs = loadPrograms(
    plan,
    files,
    sampleRules,
    spec =>
      new Child(spec, files.leash, line => {
        // Both are told when the program has ended.
        const later = spec.name === importerName || endingErrorOf(line) !== undefined
        if (!later && isShown(line, plan.logLevel)) show(parts, spec.name, line)
        const error = secondCopyError(line)
        if (error !== undefined) end(error)
      }),
  )
  const children = inOrderOfEnd(programs)
  for (const child of children) {
    // That one ends by itself.
    if (child === programs.rules?.importer) continue
    child.exited.then(exit => {
      if (end(diedError(child, exit))) return
      for (const line of child.tail.filter(endingErrorOf)) show(parts, child.name, line)
    })
  }
  try {
    await checkPrograms(children, halt)
    if (!halt.aborted) {
      await beginPrograms(programs, plan, sampleRules, say, halt)
      await Promise.all(running(programs).map(child => becomesReady(parts, child, halt)))
    }
    if (!halt.aborted) sayReady(parts, programs)
    if (!halt.aborted) await new Promise(resolve => halt.addEventListener('abort', resolve, { once: true }))
  } finally {
    const names = children.filter(child => child.running).map(({ name }) => name)
    if (stop.aborted) say(`Stopping ${names.join(', then ')}; Ctrl-C again kills.`)
    for (const child of children) await child.stop(clock, stopWithinMs, kill)
  }
  if (fault !== undefined) throw fault
  say('Stopped.')
}

/** Those that say whether they are ready, in the order in which a person needs them. */
const running = ({ server, rules, agent }: Programs): readonly Child[] =>
  [server, rules?.webUi, rules?.sensorApi, agent].filter(child => child !== undefined)

function show({ plan, log, color }: UpParts, name: string, line: string): void {
  log(`${prefixOf(name, plan.demo !== undefined)} | ${formatLogLine(line, color)}`)
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
      const answer = await fetch(`${url}/readyz`, {
        signal: AbortSignal.any([halt, AbortSignal.timeout(2000)]),
        redirect: 'manual',
      }).catch(() => undefined)
      const text = await answer?.text().catch(() => '')
      if (answer?.ok) return
      if (answer !== undefined && answer.status !== 404) told = text ?? ''
    }
    await clock.sleep(50, halt).catch(() => {})
  }
  if (!halt.aborted) say(`The ${child.name} is not ready yet; it goes on trying. ${told.slice(0, 200)}`.trim())
}

function sayFirst({ containerd, plan, say, log }: UpParts): void {
  if (plan.demo) {
    say(
      `DEMO DATA: ${containerd.socket} cannot be used (${containerd.trouble}), so a demo runtime pulls sample images.`,
    )
  } else {
    say(`Watching the containerd of this machine at ${containerd.socket}.`)
  }
  if (plan.ignored.length > 0) say(`Ignored, as only a cluster can honour them: ${plan.ignored.join(', ')}.`)
  for (const setting of plan.unknown) log(`Warning: ${unknownSettingText(setting)}`)
}

function sayReady({ plan, command, say }: UpParts, { server, agent, rules }: Programs): void {
  const [url, ...serverMetrics] = server.urls
  const metricsOf = (of: string, urls: readonly string[] = []) => urls.map(base => ({ of, url: base }))
  const metrics = [
    ...metricsOf('server', serverMetrics),
    ...metricsOf('agent', agent.urls),
    ...metricsOf('sensor-api', rules?.sensorApi.urls.slice(1)),
    ...metricsOf('web-ui', rules?.webUi.urls.slice(1)),
  ]
  const ready = {
    server: plan.server,
    url: url!,
    metrics,
    nodeName: plan.nodeName,
    demo: plan.demo !== undefined,
    command,
    rules: rules && plan.rules && { ...plan.rules, url: rules.webUi.urls[0]! },
  }
  for (const line of readyLines(ready)) say(line)
}

/** What is known to help, by what the last lines say. */
const advices: readonly [RegExp, string][] = [
  [/instance is already running/, 'stop the other copy, or set PULLTRACE_DATA_DIR to another folder'],
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
  const advice = advices.find(([pattern]) => child.tail.some(line => pattern.test(line)))?.[1]
  const told = `the ${child.name} ${how}, so everything was stopped`
  const error = child.tail.map(endingErrorOf).findLast(found => found !== undefined)
  if (error !== undefined) {
    return new PulltraceError(Code.Unavailable, `${told}: ${error.message}`, { fix: error.fix ?? advice })
  }
  const lines = child.tail.map(line => `  ${formatLogLine(line, false)}`)
  const last = lines.length === 0 ? 'It wrote nothing.' : `Its last lines:\n${lines.slice(-5).join('\n')}`
  return new PulltraceError(Code.Unavailable, `${told}. ${last}`, { fix: advice })
}
