import assert from 'node:assert/strict'
import { generatedSuites } from './generated-suites.ts'
import { naiveSubject } from './naive-subject.ts'
import { disagreementOf } from './vector-check.ts'
import { loadSuites } from './vectors.ts'

const suites = loadSuites()
/** Evaluators of sdk/typescript know only the terminal form; the given examples hold one vector of the other. */
const isBuilt = (vector: object) => !('stop_on' in vector && vector.stop_on === 'first')

describe('sdk/vectors', () => {
  for (const { file, vectors } of suites) {
    it(`the naive evaluator agrees with ${file}`, () => {
      const disagreements = vectors.filter(isBuilt).map(vector => disagreementOf(vector, naiveSubject))
      assert.deepEqual(
        disagreements.filter(text => text !== undefined),
        [],
      )
    })
  }

  it('gives every vector an id of its own', () => {
    const ids = suites.flatMap(({ vectors }) => vectors.map(({ id }) => id))
    assert.deepEqual(
      ids.filter((id, index) => ids.indexOf(id) !== index),
      [],
    )
  })

  for (const { file, ...suite } of generatedSuites()) {
    it(`${file} is what its table says (else: node test/rules/write-vectors.ts)`, () => {
      const kept = suites.find(other => other.file === file)
      assert.deepEqual(kept?.vectors, JSON.parse(JSON.stringify(suite.vectors)))
    })
  }
})
