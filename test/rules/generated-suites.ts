import { referenceVectors, truthTableVectors } from './truth-table-vectors.ts'

/** The suites whose vectors come from tables, with the file that each is kept in. */
export const generatedSuites = () => [
  {
    file: 'truth-table.json',
    format: 1,
    suite: 'rules-truth-table',
    description: 'Every operator, declared type, actual type and policy: the truth table for one resolved value.',
    vectors: truthTableVectors(),
  },
  {
    file: 'field-ref-table.json',
    format: 1,
    suite: 'rules-field-ref-table',
    description: 'Every pair of actual types on the two sides of a field_ref, for every declared type.',
    vectors: referenceVectors(),
  },
]
