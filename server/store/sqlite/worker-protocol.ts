import type { Code, ErrorDetails } from '../../../core/lib/errors.ts'
import type { Failure } from './failure.ts'

/** How a worker opens its database. */
export interface WorkerStart {
  readonly file: string
  readonly nowMs: number
  /** Look at every page before serving: after damage was seen. */
  readonly check: boolean
  /** Only reads are asked of it. */
  readonly readOnly: boolean
  /** How long a call waits for another process that writes. */
  readonly lockTimeoutMs: number
}

/** What a database is asked through its worker, by name. `probe` throws unless it works. */
export interface Methods {
  probe(nowMs: number): void
  close(): void
}

export type MethodOf<D> = { [M in keyof D]: D[M] extends (...args: never[]) => unknown ? M : never }[keyof D] & string
export type ArgsOf<D, M extends MethodOf<D>> = D[M] extends (...args: infer A) => unknown ? A : never
export type ResultOf<D, M extends MethodOf<D>> = D[M] extends (...args: never[]) => infer R ? R : never

/** The methods of a part of a database under the names by which a worker is asked for them: `rules.change`. */
export type Part<Name extends string, D> = { [M in MethodOf<D> as `${Name}.${M}`]: D[M] }

export interface Call {
  /** From 1; 0 is the answer that says whether the database is open. */
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}

/** A request that the database will not serve as it is; as it crosses the border, where an Error loses its fields. */
export interface Refusal {
  readonly code: Code
  readonly message: string
  readonly details: ErrorDetails
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure }
  | { readonly id: number; readonly refusal: Refusal }
