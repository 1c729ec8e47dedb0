import fc from 'fast-check'
import { agreementOf } from './agreement.ts'
import { engineDir, loadEngine } from './engine-subject.ts'

/** Each run checks two records. */
const pairs = process.env['SOAK'] === '1' ? 100_000 : 10_000

describe('the engine and the naive evaluator', () => {
  it(`agree on ${pairs} random rule sets and records`, async function () {
    this.timeout(pairs * 10)
    fc.assert(agreementOf(await loadEngine(engineDir)), { numRuns: pairs / 2 })
  })
})
