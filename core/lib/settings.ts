import { parseDurationMs } from './duration.ts'
import { Code, PulltraceError } from './errors.ts'

export type Env = Readonly<Record<string, string | undefined>>

/**
 * One setting of a program: its name in the environment, its default as a user
 * would write it, what it means, and how it is read. `parse` throws an Error whose
 * message completes "PULLTRACE_X must be ...".
 */
export interface Setting<T> {
  readonly name: string
  readonly doc: string
  readonly default: string | undefined
  readonly parse: (text: string) => T
}

type Values<S extends Record<string, Setting<unknown>>> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never
}

/**
 * Reads every setting before anything starts, and throws once with all faults, so
 * that a broken manifest is mended in one edit. An empty variable counts as unset.
 */
export function loadSettings<S extends Record<string, Setting<unknown>>>(
  program: string,
  settings: S,
  env: Env,
): Values<S> {
  const { values, faults } = readSettings(settings, env)
  throwFaults(program, faults)
  return values as Values<S>
}

/** For programs that check relations too: what could be read, and the faults of the rest. */
export function readSettings<S extends Record<string, Setting<unknown>>>(
  settings: S,
  env: Env,
): { readonly values: Partial<Values<S>>; readonly faults: string[] } {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(settings)) {
    const text = env[setting.name] || setting.default
    if (text === undefined) {
      faults.push(`${setting.name} must be set: ${setting.doc}`)
      continue
    }
    try {
      values[key] = setting.parse(text)
    } catch (reason) {
      faults.push(`${setting.name} must be ${(reason as Error).message}, got '${text}'`)
    }
  }
  return { values: values as Partial<Values<S>>, faults }
}

/** Every fault of a program's settings. */
export class WrongSettings extends PulltraceError {
  constructor(program: string, faults: readonly string[]) {
    super(Code.Invalid, `${program} cannot start: ${faults.join('; ')}`, {
      fix: 'these are set in the environment; docs/configuration.md lists every setting',
    })
  }
}

/** For relations between settings: call it with every fault found. Does nothing when there is none. */
export function throwFaults(program: string, faults: readonly string[]): void {
  if (faults.length === 0) return
  throw new WrongSettings(program, faults)
}

type Make<T> = (name: string, fallback: string | undefined, doc: string) => Setting<T>

const make =
  <T>(parse: (text: string) => T): Make<T> =>
  (name, fallback, doc) => ({ name, doc, default: fallback, parse })

export const text = make(value => value)

/** Absent is a value: '' in the table means "not set". */
export const optionalText: Make<string | undefined> = make(value => value || undefined)

/** As optionalText. */
export const shortText = (maxLength: number): Make<string | undefined> =>
  make(value => {
    if (value.length > maxLength) throw new Error(`at most ${maxLength} characters`)
    return value || undefined
  })

export const list: Make<readonly string[]> = make(value =>
  value
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== ''),
)

export const oneOf = <const T extends readonly string[]>(choices: T): Make<T[number]> =>
  make(value => {
    if (!choices.includes(value)) throw new Error(`one of ${choices.map(choice => `'${choice}'`).join(', ')}`)
    return value as T[number]
  })

export const durationMs = (minMs: number, maxMs: number, bounds: string): Make<number> =>
  make(value => {
    const ms = parseDurationMs(value)
    if (ms === undefined || ms < minMs || ms > maxMs) throw new Error(`a duration such as '2s' from ${bounds}`)
    return Math.round(ms)
  })

export const integer = (min: number, max: number): Make<number> =>
  make(value => {
    const number = Number(value)
    if (!/^-?\d+$/.test(value) || number < min || number > max) throw new Error(`an integer from ${min} to ${max}`)
    return number
  })

export const url: Make<URL> = make(value => {
  const parsed = URL.canParse(value) ? new URL(value) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new Error("an http or https URL such as 'http://pulltrace-server:8080'")
  }
  return parsed
})

/** How a namespaced Kubernetes object is named in a setting: `namespace/name`. */
export interface NamespacedName {
  readonly namespace: string
  readonly name: string
}

export const namespacedName: Make<NamespacedName> = make(value => {
  const match = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\/([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$/.exec(value)
  if (!match) throw new Error("'namespace/name' of a Kubernetes object, such as 'pulltrace-system/pulltrace-settings'")
  return { namespace: match[1]!, name: match[2]! }
})

/** Path of a unix socket, which may be written as its URL: `unix:///run/x.sock`. */
export const socketPath: Make<string> = make(value => value.replace(/^unix:(\/\/)?/, ''))

/** `host:port`, `[v6]:port` or `:port` (every address). Port 0 asks the kernel for a free one. */
export interface ListenAddress {
  readonly host: string | undefined
  readonly port: number
  /** Name of the setting that holds it, for whoever must move it; undefined where it comes from none. */
  readonly setting?: string
}

export const listenAddress: Make<ListenAddress> = (name, fallback, doc) => ({
  name,
  doc,
  default: fallback,
  parse: value => ({ ...parseListenAddress(value), setting: name }),
})

function parseListenAddress(value: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(value)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new Error("'host:port' or ':port', such as '127.0.0.1:8080'")
  return { host: match[1] || match[2] || undefined, port }
}

/** Whether only this machine can reach the address. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host !== undefined && (host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host))
}
