import { addAbortSignal, type Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { LineCounter, type Node, parseAllDocuments } from 'yaml'
import { parsePulltraceConfig } from '../../core/contract/parse-config.ts'
import type { PulltraceConfig } from '../../core/contract/pulltrace-config.ts'
import { offsetOf, placesOf } from '../../core/contract/yaml-places.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { readText } from '../config.ts'

/** A config file is a page; more is not one. Characters. */
export const maxConfigLength = 256 * 1024

/** The PulltraceConfig that the user named; `-` is stdin, as for kubectl. Rejects when the signal aborts. */
export async function readConfigFile(file: string, stdin: Readable, signal: AbortSignal): Promise<PulltraceConfig> {
  if (file === '-') return parseConfigFile('stdin', await text(addAbortSignal(signal, stdin)))
  return parseConfigFile(file, await readText('the PulltraceConfig', file))
}

/**
 * The PulltraceConfig in a YAML (or JSON) text. Throws Code.Invalid once with every fault, each
 * with its line; `file` is how the user named it.
 */
export function parseConfigFile(file: string, text: string): PulltraceConfig {
  if (text.length > maxConfigLength) {
    throw refused(file, [`a PulltraceConfig is at most ${maxConfigLength} characters, this file has ${text.length}`])
  }
  const lines = new LineCounter()
  const documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })]
  const syntax = documents.flatMap(document => document.errors)
  const at = (offset: number) => `${file}:${lines.linePos(offset).line}`
  if (syntax.length > 0) {
    throw refused(
      file,
      syntax.map(error => `${at(error.pos[0])}: ${error.message}`),
    )
  }
  const filled = documents.filter(document => document.contents !== null)
  const [document] = filled
  if (document === undefined) throw refused(file, [`${file} is empty; it must hold one PulltraceConfig`])
  if (filled.length > 1) {
    const second = filled[1]!.contents as Node
    throw refused(file, [`${at(second.range![0])}: the file must hold one document, got ${filled.length}`])
  }
  const contents = document.contents as Node
  const { config, faults } = parsePulltraceConfig(plainValue(file, document), 'machine')
  if (config !== undefined) return config
  const places = placesOf(contents)
  const located = faults.map(fault => ({ fault, offset: offsetOf(fault.path, places) }))
  located.sort((a, b) => a.offset - b.offset)
  throw refused(
    file,
    located.map(({ fault, offset }) => `${at(offset)}: ${fault.message}${fault.fix === '' ? '' : ` (${fault.fix})`}`),
  )
}

/** An alias that expands without end is refused by the parser, and by us in our words. */
function plainValue(file: string, document: { toJS(): unknown }): unknown {
  try {
    return document.toJS()
  } catch (reason) {
    throw refused(file, [(reason as Error).message])
  }
}

/** Faults that are told, and characters of each: a file that is no YAML at all has hundreds of whole pages. */
const mostFaults = 20
const longestFault = 400

function refused(file: string, faults: readonly string[]): PulltraceError {
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`
  const told = faults
    .slice(0, mostFaults)
    .map(fault => (fault.length > longestFault ? `${fault.slice(0, longestFault)}…` : fault))
  if (faults.length > told.length) told.push(`and ${faults.length - told.length} more`)
  return new PulltraceError(Code.Invalid, `${file} has ${count}:\n${told.map(fault => `  ${fault}`).join('\n')}`, {
    fix: 'config/samples/pulltraceconfig.yaml is one that works',
  })
}
