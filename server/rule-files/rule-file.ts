import { isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type YAMLParseError } from 'yaml'
import { offsetOf, placesOf } from '../../core/contract/yaml-places.ts'
import { parseExportedRule } from '../../core/rules/parse.ts'
import type { RuleContent } from '../../core/rules/rule.ts'

export interface RuleSource {
  /** As the user named it. */
  readonly file: string
  readonly text: string
}

/** A rule of a file, and where it stands: `rules/slow.yaml:12:3`. */
export interface FileRule {
  readonly at: string
  readonly content: RuleContent
  readonly ruleId?: string | undefined
}

export interface FileRules {
  readonly rules: readonly FileRule[]
  /** Each with its file, line and column. */
  readonly faults: readonly string[]
}

/** Characters: ten thousand rules of a thousand. */
const longestText = 16 * 1024 * 1024

/**
 * The rules of a YAML or JSON text: a list of rules, one rule, or several documents of these; and every fault of them.
 * Rules are as they are exported, `version` and `created_at` are left aside.
 */
export function parseRuleFile({ file, text }: RuleSource): FileRules {
  if (text.length > longestText) {
    return { rules: [], faults: [`${file}: a file of rules may have ${longestText} characters, got ${text.length}`] }
  }
  const lines = new LineCounter()
  const documents = [...parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })]
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const syntax = documents.flatMap(({ errors }) =>
    withoutEchoes(errors).map(error => `${at(error.pos[0])}: ${messageOf(error)}`),
  )
  if (syntax.length > 0) return { rules: [], faults: syntax }
  const rules: FileRule[] = []
  const faults: string[] = []
  for (const document of documents) {
    const contents = document.contents as Node | null
    // With nothing in it but comments.
    if (contents === null || (isScalar(contents) && contents.value === null)) continue
    for (const node of isSeq(contents) ? (contents.items as (Node | null)[]) : [contents]) {
      const start = at((node ?? contents).range![0])
      if (!isMap(node)) {
        faults.push(`${start}: a rule must be a map of fields`)
        continue
      }
      try {
        const { rule, rule_id, faults: found = [] } = { rule_id: undefined, ...parseExportedRule(node.toJS(document)) }
        if (rule) rules.push({ at: start, content: rule, ruleId: rule_id })
        const places = found.length > 0 ? placesOf(node) : new Map<string, number>()
        const placed = found.map(fault => ({ ...fault, offset: offsetOf(fault.path, places) }))
        for (const { offset, message, fix } of placed.sort((a, b) => a.offset - b.offset)) {
          faults.push(`${at(offset)}: ${message}${fix ? ` (${fix})` : ''}`)
        }
      } catch (reason) {
        // Aliases that expand without end.
        faults.push(`${start}: ${(reason as Error).message}`)
      }
    }
  }
  return { rules, faults }
}

/** After the first place that is no YAML the parser tells of its own confusion. A key that is there twice confuses nobody. */
function withoutEchoes(errors: readonly YAMLParseError[]): readonly YAMLParseError[] {
  const first = errors.findIndex(({ code }) => code !== 'DUPLICATE_KEY')
  return first < 0 ? errors : errors.slice(0, first + 1)
}

function messageOf({ message }: YAMLParseError): string {
  return message.startsWith('Unexpected flow-seq-start')
    ? "a text with [ must be in quotes here, as in 'a[*].b'"
    : message
}
