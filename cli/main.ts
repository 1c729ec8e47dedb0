import { mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommanderError } from 'commander'
import { systemClock } from '../core/lib/clock.ts'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import { harmless, harmlessJson } from '../core/lib/harmless.ts'
import type { Env } from '../core/lib/settings.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'
import { fetchHistory, fetchSummary, historyTable, moreText, summaryTable, sumsOfDemo } from './history/history.ts'
import { timeOf } from './history/history-time.ts'
import { readPod } from './kube/read-pod.ts'
import { openClusterSource, openSource } from './kube/source.ts'
import {
  type CommandName,
  createProgram,
  type HistoryOptions,
  versionText,
  type WatchOptions,
  type WhyOptions,
} from './program.ts'
import { trust } from './trust.ts'
import { readConfigFile } from './up/config-file.ts'
import { findContainerd } from './up/find-containerd.ts'
import { containerdSocketOf, planUp } from './up/plan-up.ts'
import type { ProgramFiles } from './up/programs.ts'
import { runUp } from './up/up.ts'
import { openJob } from './watch/job.ts'
import { openScreen } from './watch/screen.ts'
import { type WatchFilter, type WatchParts, watchJson, watchLive, watchPlain } from './watch/watch.ts'
import { whyOf } from './why/why.ts'
import { wrapped } from './why/wrap.ts'

/** What this program has of the world around it. */
export interface World {
  readonly env: Env
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Aborts when the user wants it to end, and `kill` when they want it at once. */
  readonly stop: AbortSignal
  readonly kill: AbortSignal
  /** The path by which this program was called; kubectl runs plugins by a name of their own. */
  readonly calledAs?: string | undefined
}

/** Runs one command and resolves with the exit code. */
export async function main(argv: readonly string[], world: World): Promise<number> {
  const { stdout, stderr } = world
  const name = commandNameOf(world.calledAs)
  const actions = {
    up: (options: { file: string; color: boolean }) => up(options.file, options.color, world),
    watch: (options: WatchOptions) => watch(options, name, world),
    history: (options: HistoryOptions) => history(options, name, world),
    why: (pod: string, options: WhyOptions) => why(pod, options, world),
    version: () => void stdout.write(`${versionText}\n`),
  }
  const program = createProgram(actions, name)
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: text => stdout.write(text),
      writeErr: text => stderr.write(text),
      // 0 is what a terminal says that was never told its size.
      getOutHelpWidth: () => Math.min(stdout.columns || 100, 100),
      getErrHelpWidth: () => Math.min(stderr.columns || 100, 100),
    })
  }
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCodes.ok
  } catch (reason) {
    // Commander has written its message already.
    if (reason instanceof CommanderError) return reason.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    // Ctrl-C in the middle of a question.
    if (world.stop.aborted && (reason as Error).name === 'AbortError') return exitCodes.ok
    const error = PulltraceError.from(reason)
    const { fix } = error.details
    const told = error.code === Code.Internal ? ((reason as Error).stack ?? error.message) : error.message
    stderr.write(`pulltrace: ${told.split('\n').map(harmless).join('\n')}\n${fix ? `  ${harmless(fix)}\n` : ''}`)
    return exitCodeOf(error.code)
  }
}

/** kubectl finds `kubectl-pulltrace` in PATH; krew links it so that dashes of a plugin's name are `_`. */
const commandNameOf = (calledAs = ''): CommandName =>
  /^kubectl[-_]pulltrace(?:\.|$)/.test(path.basename(calledAs)) ? 'kubectl pulltrace' : 'pulltrace'

/** Whether what goes to `out` has colours. NO_COLOR (https://no-color.org): any text in it means none. */
const wantsColor = (asked: boolean, env: Env, out: NodeJS.WriteStream) =>
  asked && !env['NO_COLOR'] && out.isTTY === true && env['TERM'] !== 'dumb'

async function up(file: string, color: boolean, world: World): Promise<void> {
  const { env, stdout, stderr, stop, kill } = world
  const config = await readConfigFile(file, world.stdin, stop)
  // The server that it starts may have a certificate of its own, and is asked whether it is ready.
  await trust(env['PULLTRACE_CA_FILE'] || undefined)
  const containerd = await findContainerd(containerdSocketOf(config, env))
  const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-'))
  try {
    const plan = planUp(config, env, containerd, hostname(), path.join(folder, 'demo.sock'))
    const parts = {
      config,
      plan,
      containerd,
      files: programFiles(),
      sampleRules: fileURLToPath(new URL('../config/samples/rules', import.meta.url)),
      clock: systemClock,
      // Of its log lines only.
      color: wantsColor(color, env, stderr),
      command: env['PULLTRACE_COMMAND'] || 'pulltrace',
      say: (line: string) => void stdout.write(`${line}\n`),
      log: (line: string) => void stderr.write(`${line}\n`),
    }
    await runUp(parts, stop, kill)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Sources in the checkout, built files where it is installed: both end as this file does. */
function programFiles(): ProgramFiles {
  const extension = path.extname(import.meta.url)
  const file = (name: string) => fileURLToPath(new URL(`../${name}${extension}`, import.meta.url))
  return {
    server: file('server/pulltrace/main'),
    agent: file('agent/main'),
    demo: file('cli/demo/main'),
    sensorApi: file('server/sensor-api/main'),
    webUi: file('server/web-ui/main'),
    leash: new URL(`./up/leash${extension}`, import.meta.url).href,
  }
}

async function watch(options: WatchOptions, name: CommandName, world: World): Promise<void> {
  const { env, stdin, stdout, stderr, stop } = world
  const { node, image, phase, pod } = options
  const viaCluster = name === 'kubectl pulltrace'
  const { api, namespace, namespaceAsked } = await openSource(options, viaCluster, env, systemClock)
  const filter = defined({ node, image, phase, namespace, pod }) as WatchFilter
  const where =
    namespace === undefined ? '' : ` in namespace ${harmless(namespace)}${namespaceAsked ? '' : ' (-A: all)'}`
  const parts: WatchParts = { api, clock: systemClock, random: Math.random, filter, wait: options.wait === true }
  const layers = options.layers === true
  const write = (line: string) => void stdout.write(`${line}\n`)
  const note = (line: string) => void stderr.write(`pulltrace: ${line}\n`)
  if (!namespaceAsked && !stdout.isTTY) note(`pulls${where}`)
  if (options.output === 'json') return watchJson(parts, layers, write, note, stop)
  if (!stdout.isTTY || env['TERM'] === 'dumb') return watchPlain(parts, write, note, stop)
  const color = wantsColor(options.color, env, stdout)
  return watchLive(
    parts,
    { layers, color, where, openScreen: (...on) => openScreen({ in: stdin, out: stdout }, ...on, openJob) },
    stop,
  )
}

async function history(options: HistoryOptions, name: CommandName, world: World): Promise<void> {
  const { stdout, stop } = world
  const nowMs = systemClock.now()
  const { node, image, phase, errorCode, pod, groupBy, limit } = options
  const since = pointInTime('--since', options.since, nowMs)
  const until = pointInTime('--until', options.until, nowMs)
  const viaCluster = name === 'kubectl pulltrace'
  const { api, namespace, namespaceAsked } = await openSource(options, viaCluster, world.env, systemClock)
  const query = { node, image, phase, errorCode, namespace, pod, groupBy, since, until }
  // In a pipe nothing is cut: what reads it can.
  const width = stdout.isTTY ? stdout.columns || 80 : Number.MAX_SAFE_INTEGER
  const write = (lines: readonly string[], more: boolean) => {
    if (options.output !== 'json' && lines.length <= 1)
      stdout.write(`No pulls match${namespaceAsked ? '' : ` in namespace ${harmless(namespace ?? '')} (-A: all)`}.\n`)
    else for (const line of lines) stdout.write(`${line}\n`)
    if (more) world.stderr.write(`pulltrace: ${moreText(limit)}\n`)
  }
  if (groupBy !== undefined) {
    const { items, more } = await fetchSummary(api, query, limit, stop)
    const table = async () => summaryTable(groupBy, items, width, await sumsOfDemo(api, query, items, stop))
    write(options.output === 'json' ? items.map(harmlessJson) : await table(), more)
  } else {
    const { items, more } = await fetchHistory(api, query, limit, stop)
    write(options.output === 'json' ? items.map(harmlessJson) : historyTable(items, width, nowMs), more)
  }
}

async function why(podName: string, options: WhyOptions, world: World): Promise<void> {
  const { env, stdout, stop } = world
  const { kube, api, namespace } = await openClusterSource(options, env, systemClock)
  try {
    const facts = await readPod(kube, namespace, podName, stop)
    const { answer, fault } = await whyOf({ ...facts, api, clock: systemClock }, stop)
    const width = stdout.isTTY ? Math.min(stdout.columns || 80, 100) : Number.MAX_SAFE_INTEGER
    const paragraph = [answer.text, answer.incomplete].filter(Boolean).join(' ')
    const lines = options.output === 'json' ? [harmlessJson(answer)] : wrapped(paragraph, width)
    for (const line of lines) stdout.write(`${line}\n`)
    if (fault !== undefined) throw fault
  } finally {
    kube.close()
  }
}

function pointInTime(option: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined
  const time = timeOf(text, nowMs)
  if (time !== undefined) return time
  const bound = "how long ago ('90m', '24h', '7d'), a date ('2026-11-21') or an RFC 3339 time"
  throw new PulltraceError(Code.Invalid, `${option} must be ${bound}, got '${text}'`, {
    path: option,
    bound,
    seen: text,
  })
}

const defined = (values: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** Within it a second signal is the first one, heard twice. Milliseconds. */
const sameMomentMs = 300

if (import.meta.main) {
  const stop = new AbortController()
  const kill = new AbortController()
  let askedMs = Infinity
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      askedMs = Math.min(askedMs, performance.now())
      // `make` passes on what its whole group was sent: twice in one moment is asked once.
      if (!stop.signal.aborted) stop.abort()
      else if (performance.now() - askedMs > sameMomentMs) kill.abort()
    })
  }
  const { env, stdin, stdout, stderr } = process
  for (const stream of [stdout, stderr]) stream.on('error', () => stop.abort())
  let unwritten = false
  stdout.once('error', error => {
    // Whoever read our output has gone (`| head`, a closed terminal): that is an end, not a fault.
    if (['EPIPE', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '')) return
    unwritten = true
    process.exitCode = exitCodes.internal
    stderr.write(`pulltrace: the output cannot be written: ${error.message}\n`)
  })
  const code = await main(process.argv.slice(2), {
    env,
    stdin,
    stdout,
    stderr,
    stop: stop.signal,
    kill: kill.signal,
    calledAs: process.env['PULLTRACE_COMMAND'] || process.argv[1],
  })
  process.exitCode = unwritten ? exitCodes.internal : code
}
