import { type Phase, phases } from '../../../core/contract/words.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { PullState } from '../../../core/pulls/pull.ts'

/** The only fields of a pull that a filter looks at; the hub remembers how they changed. */
export type PullAttributes = Pick<PullState, 'nodeName' | 'imageRef' | 'phase' | 'pods'>

/**
 * Which pulls a reader wants. An empty list means any; values of one list are
 * alternatives, the lists must all hold. Lists are sorted and without repeats, so
 * that equal filters have equal keys.
 */
export interface PullFilter {
  readonly nodes: readonly string[]
  /** `namespaces` and `pods` must hold for one and the same waiting pod. */
  readonly namespaces: readonly string[]
  readonly pods: readonly string[]
  /** Parts of the image reference, as the history search takes them. */
  readonly images: readonly string[]
  readonly phases: readonly Phase[]
}

export const everyPull: PullFilter = { nodes: [], namespaces: [], pods: [], images: [], phases: [] }

/** The query parameters that `parsePullFilter` reads. */
export const filterParameters = ['node', 'namespace', 'pod', 'image', 'phase'] as const

/** Values of one parameter; more would be a list that wants another tool. */
const maxValues = 100
/** Longer than any image reference a report may carry. Unit: characters. */
const maxValueLength = 1024

/**
 * Reads `?node=a,b&node=c&phase=failed`: a parameter may be repeated and may hold a
 * comma list (no name or reference contains a comma). Blank values, as forms send them, count as absent.
 */
export function parsePullFilter(query: URLSearchParams): PullFilter {
  return {
    nodes: valuesOf(query, 'node'),
    namespaces: valuesOf(query, 'namespace'),
    pods: valuesOf(query, 'pod'),
    images: valuesOf(query, 'image'),
    phases: valuesOf(query, 'phase').map(phaseOf),
  }
}

/** `?layers=true`: whether each pull carries its layers. */
export function parseLayers(query: URLSearchParams): boolean {
  const value = query.get('layers') || 'false'
  if (value !== 'true' && value !== 'false') throw fault('layers', "'true' or 'false'", value)
  return value === 'true'
}

/** Equal for filters that let the same pulls through. */
export const filterKey = ({ nodes, namespaces, pods, images, phases }: PullFilter): string =>
  JSON.stringify([nodes, namespaces, pods, images, phases])

export function matches(filter: PullFilter, pull: PullAttributes): boolean {
  const { nodes, namespaces, pods, images, phases } = filter
  if (nodes.length > 0 && !nodes.includes(pull.nodeName)) return false
  if (phases.length > 0 && !phases.includes(pull.phase)) return false
  if (images.length > 0 && !images.some(part => pull.imageRef.includes(part))) return false
  if (namespaces.length === 0 && pods.length === 0) return true
  return pull.pods.some(
    pod =>
      (namespaces.length === 0 || namespaces.includes(pod.namespace)) &&
      (pods.length === 0 || pods.includes(pod.podName)),
  )
}

function valuesOf(query: URLSearchParams, name: (typeof filterParameters)[number]): string[] {
  const values = new Set<string>()
  for (const text of query.getAll(name)) {
    for (const item of text.split(',')) {
      const value = item.trim()
      if (value.length > maxValueLength) throw fault(name, `at most ${maxValueLength} characters long`, value)
      if (value !== '') values.add(value)
    }
  }
  if (values.size > maxValues) throw fault(name, `at most ${maxValues} values`, `${values.size} values`)
  return [...values].sort()
}

function phaseOf(value: string): Phase {
  const phase = phases.find(known => known === value)
  if (phase === undefined) throw fault('phase', `one of ${phases.map(known => `'${known}'`).join(', ')}`, value)
  return phase
}

function fault(path: string, bound: string, value: string): PulltraceError {
  const seen = JSON.stringify(value.length <= 80 ? value : `${value.slice(0, 80)}…`)
  return new PulltraceError(Code.Invalid, `\`${path}\` must be ${bound}, got ${seen}`, { path, bound, seen })
}
