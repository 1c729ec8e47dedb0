import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A command of somebody's module, as it is released. */
export interface GoRelease {
  readonly go: string
  readonly version: string
  readonly file: string
}
/** A module of ours that joins others' packages to one program. */
export interface GoModule {
  /** Folder from the repository's root. */
  readonly goModule: string
  readonly version: string
  readonly file: string
  /** What a cold build takes on two cores, for people who wait for it. */
  readonly takes: string
  /** `path=value` of variables that the linker sets. */
  readonly variables?: readonly string[]
}
export type GoSource = GoRelease | GoModule

export interface GoMachine {
  readonly env: NodeJS.ProcessEnv
  /** The go command; undefined where there is none. */
  readonly go: string | undefined
}

const root = path.join(import.meta.dirname, '../..')

/** Where built programs are kept; `make clean` leaves them. */
export const cacheFolder = (env: NodeJS.ProcessEnv): string =>
  path.join(env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'pulltrace', 'bin')

/** Builds the program into the cache folder, unless it is there. Runs that want the same one wait for each other. */
export async function buildGoProgram(source: GoSource, { env, go }: GoMachine): Promise<string> {
  const folder = cacheFolder(env)
  const target = path.join(folder, `${source.file}@${source.version}${await contentOf(source)}`)
  if (existsSync(target)) return target
  const { cwd, args, takes } = buildOf(source)
  const command = `${cwd === undefined ? '' : `cd ${cwd} && `}go ${args.join(' ')}`
  if (!go) throw new Error(`go is missing, and ${target} is built by it; install Go 1.25 or later (https://go.dev/dl)`)

  await mkdir(folder, { recursive: true })
  await using _lock = await lock(path.join(folder, `.${source.file}.lock`))
  if (existsSync(target)) return target
  const build = await mkdtemp(path.join(folder, '.build-'))
  say(`building ${target} (${takes}, once): ${command}`)
  const begunMs = performance.now()
  try {
    // Without cgo the result is the same whether or not the machine has a C compiler and btrfs headers.
    const settings = { ...env, GOBIN: build, GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' }
    const out = cwd === undefined ? [] : ['-o', path.join(build, source.file)]
    const [verb, ...rest] = args
    const options = { env: settings, cwd: cwd ?? build, maxBuffer: 2 ** 24 }
    await run('nice', ['-n', '5', go, verb!, ...out, ...rest], options)
    await rename(path.join(build, source.file), target)
  } catch (error) {
    const why = String((error as { stderr?: string }).stderr ?? error).trim()
    throw new Error(`${target} could not be built: ${why}; try by hand: ${command}`, { cause: error })
  } finally {
    await rm(build, { recursive: true, force: true })
  }
  say(`built ${target} in ${Math.round((performance.now() - begunMs) / 1000)} s`)
  return target
}

function buildOf(source: GoSource): { args: string[]; takes: string; cwd?: string } {
  if ('go' in source) return { args: ['install', `${source.go}@${source.version}`], takes: 'one or two minutes' }
  const flags = ['-s', '-w', ...(source.variables ?? []).flatMap(variable => ['-X', variable])]
  const args = ['build', '-trimpath', '-buildvcs=false', '-ldflags', flags.join(' '), '.']
  return { args, takes: source.takes, cwd: path.join(root, source.goModule) }
}

/** A module of ours changes without its version; its files stand in the program's name. */
async function contentOf(source: GoSource): Promise<string> {
  if ('go' in source) return ''
  const hash = createHash('sha256').update((source.variables ?? []).join())
  for (const file of ['go.mod', 'main.go']) hash.update(await readFile(path.join(root, source.goModule, file)))
  return `-${hash.digest('hex').slice(0, 8)}`
}

/** The kernel gives the lock back however this process ends: its pipe to the holder closes with it. */
async function lock(file: string): Promise<AsyncDisposable> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>(resolve => holder.once('close', () => resolve()))
  await Promise.race([once(holder.stdout, 'data'), ended])
  if (holder.exitCode !== null) throw new Error(`${file} could not be locked: flock ended with ${holder.exitCode}`)
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end()
      holder.stdout.resume()
      await ended
    },
  }
}

function say(text: string): void {
  process.stderr.write(`rig: ${text}\n`)
}
