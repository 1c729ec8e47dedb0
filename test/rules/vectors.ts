import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** Reads the conformance vectors of sdk/vectors (its README says what they mean). */
export const vectorsDir = path.join(import.meta.dirname, '../../sdk/vectors')

/** A vector as it stands in its file: special values are still written `{"$num": ...}`. */
export interface Vector {
  readonly id: string
  readonly kind: string
  readonly note?: string
  readonly [field: string]: unknown
}

export interface Suite {
  readonly file: string
  readonly format: number
  readonly suite: string
  readonly vectors: readonly Vector[]
}

/** Stands for a field that is left out of a record. */
export const missing = Symbol('missing')

export function loadSuites(): readonly Suite[] {
  return readdirSync(vectorsDir)
    .filter(file => file.endsWith('.json') && file !== 'schema.json')
    .sort()
    .map(file => ({ file, ...JSON.parse(readFileSync(path.join(vectorsDir, file), 'utf8')) }) as Suite)
}

/** The value that the host language is given: `{"$num": "NaN"}` becomes NaN, `{"$missing": true}` undefined. */
export function decoded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(decoded)
  if (Object.hasOwn(value, '$num')) return specialNumber((value as { $num: string }).$num)
  if (Object.hasOwn(value, '$missing')) return undefined
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, decoded(field)]))
}

const namedNumbers: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity, '-0': -0 }

const specialNumber = (text: string): number | bigint => namedNumbers[text] ?? BigInt(text)
