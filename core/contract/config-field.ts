import { type TSchema, type TString, Type } from 'typebox'
import { parseDurationMs } from '../lib/duration.ts'

/** Key under which a field keeps what a person is told about it; a CRD leaves it out. */
export const fieldHelp = 'x-pulltrace-field'

export interface FieldHelp {
  /** Completes "must be ...". */
  readonly bound: string
  /** A value that is right, as it would be written. */
  readonly example?: string
  /** For a duration: both inclusive. JSON Schema cannot say it. Milliseconds. */
  readonly durationMs?: { readonly min: number; readonly max: number }
}

/** Gives a field its words: `description` for `kubectl explain`, `bound` and `example` for a fault. */
export function configField<S extends TSchema>(schema: S, help: FieldHelp & { readonly description: string }): S {
  const { description, ...rest } = help
  return { ...schema, description, [fieldHelp]: rest }
}

/** A Go duration from `min` to `max`, both inclusive. */
export function durationField(min: string, max: string, fallback: string | undefined, description: string): TString {
  return configField(
    Type.String({
      pattern: '^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$',
      maxLength: 32,
      ...(fallback !== undefined && { default: fallback }),
      'x-kubernetes-validations': [
        {
          rule: `duration(self) >= duration('${min}') && duration(self) <= duration('${max}')`,
          message: `must be a duration from ${min} to ${max}`,
        },
      ],
    }),
    {
      description: `${description} From ${min} to ${max}.`,
      bound: `a duration such as '${fallback ?? '30s'}' from ${min} to ${max}`,
      example: fallback ?? '30s',
      durationMs: { min: parseDurationMs(min)!, max: parseDurationMs(max)! },
    },
  )
}
