import { execFileSync } from 'node:child_process'
import { loadavg } from 'node:os'
import { compileRules } from '../core/rules/compile.ts'
import { evaluate } from '../core/rules/evaluate.ts'
import type { SentRule } from '../core/rules/rule.ts'
import type { UseOfCode } from '../core/rules/screen.ts'
import { median, table } from './measure.ts'
import { type Check, celExpressions, handWritten, jsonRules } from './rules-rivals.ts'
import { type RecordKind, sampleRecords, sampleRules } from './rules-sample.ts'

/** What a check of one record costs, beside the same rules written by hand and in two other engines. */
const rounds = 5
const recordCount = 300
const ruleCounts = [1, 10, 100, 1000]
const roundMs = 60

// The measurement of memory needs `gc()`.
if (globalThis.gc === undefined) {
  execFileSync(process.execPath, ['--expose-gc', import.meta.filename], { stdio: 'inherit' })
  process.exit(0)
}

/** Processor time of this thread, ms: other load on the machine takes turns with it and must not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

const noRandom = () => {
  throw new Error('no rule of these is sampled')
}

function ours(rules: readonly SentRule[], code?: UseOfCode, matched: () => void = noRandom): Check {
  const { set, faults } = compileRules(rules, code)
  if (faults.length > 0) throw new Error(faults[0]!.message)
  return record => (evaluate(set, record, noRandom, matched) === 'pass' ? 0 : 1)
}

function runOnce(check: Check, records: readonly unknown[], times: number): void {
  for (let time = 0; time < times; time++) for (let at = 0; at < records.length; at++) check(records[at])
}

/** Times that all records are checked in one round, after enough of it for V8 to have optimised the check. */
function calibrate(check: Check, records: readonly unknown[]): number {
  let times = 1
  for (;;) {
    const startMs = cpuMs()
    runOnce(check, records, times)
    const ms = cpuMs() - startMs
    if (ms > roundMs / 2) return Math.max(1, Math.round((times * roundMs) / ms))
    times *= 2
  }
}

/** Medians of ns per check. The checks take turns, so that other load on the machine meets all of them. */
function measure(checks: readonly Check[], records: readonly unknown[]): readonly number[] {
  const times = checks.map(check => calibrate(check, records))
  const ns: number[][] = checks.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [at, check] of checks.entries()) {
      const startMs = cpuMs()
      runOnce(check, records, times[at]!)
      ns[at]!.push(((cpuMs() - startMs) * 1e6) / times[at]! / records.length)
    }
  }
  return ns.map(median)
}

/** Bytes that a check leaves to the garbage collector: the least of some rounds, V8 also allocates for itself. */
function bytesPerCheck(check: Check, records: readonly unknown[], times: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    globalThis.gc!()
    const before = process.memoryUsage().heapUsed
    runOnce(check, records, times)
    least = Math.min(least, process.memoryUsage().heapUsed - before)
  }
  return Math.max(0, least) / times / records.length
}

async function jsonRulesNs(rules: readonly SentRule[], records: readonly unknown[]): Promise<number> {
  const check = jsonRules(rules)
  const times = Math.max(5, Math.round(1000 / rules.length))
  const ns: number[] = []
  for (let round = 0; round < rounds + 1; round++) {
    const startMs = cpuMs()
    for (let at = 0; at < times; at++) await check(records[at % records.length] as object)
    ns.push(((cpuMs() - startMs) * 1e6) / times)
  }
  return median(ns.slice(1))
}

/** All four must find the same matches, or their figures say nothing. */
async function checkAgreement(records: readonly unknown[]): Promise<void> {
  const rules = sampleRules(50, true)
  let matches = 0
  const mine = ours(rules, 'at once', () => matches++)
  const rivals = [handWritten(rules), celExpressions(rules)]
  const json = jsonRules(rules)
  let total = 0
  for (const record of records.slice(0, 50)) {
    matches = 0
    mine(record)
    total += matches
    const others = [...rivals.map(rival => rival(record)), await json(record as object)]
    if (others.some(count => count !== matches))
      throw new Error(`the engines disagree: ${matches}, ${others.join(', ')}`)
  }
  if (total === 0) throw new Error('no rule matched: nothing was compared')
}

const round = (ns: number) => (ns < 100 ? ns.toFixed(1) : Math.round(ns).toLocaleString('en'))
const kinds: readonly [name: string, kind: RecordKind][] = [
  ['some fields optional', { fractions: false, optional: true }],
  ['all of one shape', { fractions: false, optional: false }],
]

/** One rule costs what it holds: five of them, of 1 to 5 conditions. */
function sampleSets(count: number): readonly (readonly SentRule[])[] {
  return count === 1 ? sampleRules(5).map(rule => [rule]) : [sampleRules(count)]
}

/** A row of the table: means over the sets of rules. */
async function measureRow(kind: RecordKind, count: number): Promise<readonly number[]> {
  const records = sampleRecords(recordCount, kind)
  const sums = [0, 0, 0, 0, 0]
  const sets = sampleSets(count)
  for (const rules of sets) {
    const ns = measure([ours(rules), handWritten(rules), celExpressions(rules)], records)
    // Behind the others: what V8 learns from it is for no other's good.
    const [steps] = measure([ours(rules, 'never')], records)
    for (const [at, value] of [...ns, steps!, await jsonRulesNs(rules, records)].entries())
      sums[at]! += value / sets.length
  }
  return sums
}

/** In a process of its own: V8 keeps what it learned of the shapes of other records, and a job has its own only. */
function rowInProcess(kind: number, count: number): readonly number[] {
  const args = ['--expose-gc', import.meta.filename, String(kind), String(count)]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as readonly number[]
}

const [rowKind, rowCount] = process.argv.slice(2).map(Number)
if (rowKind !== undefined && rowCount !== undefined) {
  console.log(JSON.stringify(await measureRow(kinds[rowKind]![1], rowCount)))
  process.exit(0)
}

await checkAgreement(sampleRecords(recordCount, kinds[0]![1]))
console.log('### A check of one record, nothing matches, ns of processor time\n')
const rows: (string | number)[][] = [
  ['records', 'rules', 'Pulltrace', 'by hand', 'times', 'CEL', 'json-rules-engine', 'Pulltrace without code'],
]
for (const [at, [name]] of kinds.entries()) {
  for (const count of ruleCounts) {
    // On a loaded machine a row takes minutes: whoever waits sees that it goes on.
    console.error(`${name}, ${count} rules`)
    const [mine, hand, cel, steps, json] = rowInProcess(at, count)
    const times = (mine! / hand!).toFixed(1)
    rows.push([name, count, round(mine!), round(hand!), times, round(cel!), round(json!), round(steps!)])
  }
}
console.log(table(rows))

console.log('\n### Bytes allocated by a check, nothing matches\n')
const memory: (string | number)[][] = [['numbers of the records', ...ruleCounts.map(count => `${count} rules`)]]
const memoryRows = [
  ['whole', false, ours],
  ['one with a fraction is read', true, ours],
  ['one with a fraction is read, by hand', true, handWritten],
] as const
for (const [name, fractions, checkOf] of memoryRows) {
  const records = sampleRecords(recordCount, { fractions, optional: true })
  const cells = ruleCounts.map(count => {
    const check = checkOf(sampleRules(count))
    return bytesPerCheck(check, records, calibrate(check, records) * 8).toFixed(1)
  })
  memory.push([name, ...cells])
}
console.log(table(memory))
console.log(`\nLoad average at the end: ${loadavg()[0]!.toFixed(1)}`)
