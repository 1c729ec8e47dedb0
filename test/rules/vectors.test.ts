import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import Schema from 'typebox/schema'
import { engineDir, engineSubject, loadEngine, usesOfCode } from './engine-subject.ts'
import { generatedSuites } from './generated-suites.ts'
import { naiveSubject } from './naive-subject.ts'
import { disagreementOf, parseDisagreement, scopeDisagreement } from './vector-check.ts'
import { loadSuites, vectorsDir } from './vectors.ts'

const suites = loadSuites()
const engine = await loadEngine(engineDir)
const none = (faults: readonly (string | undefined)[]) =>
  assert.deepEqual(
    faults.filter(text => text !== undefined),
    [],
  )

describe('sdk/vectors', () => {
  for (const { file, vectors } of suites) {
    it(`the engine agrees with ${file}`, () => {
      for (const code of usesOfCode) none(vectors.map(vector => disagreementOf(vector, engineSubject(engine, code))))
      none(vectors.map(vector => parseDisagreement(vector, engine)))
      none(vectors.map(vector => scopeDisagreement(vector, engine)))
    })
    it(`the naive evaluator agrees with ${file}`, () => {
      none(vectors.map(vector => disagreementOf(vector, naiveSubject)))
    })
    it(`${file} keeps to the schema`, () => {
      const schema = JSON.parse(readFileSync(path.join(vectorsDir, 'schema.json'), 'utf8'))
      const suite = JSON.parse(readFileSync(path.join(vectorsDir, file), 'utf8'))
      assert.deepEqual(Schema.Errors(schema, suite)[1].slice(0, 3), [])
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
