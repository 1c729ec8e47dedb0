/** Writes the vectors that come from tables: `node test/rules/write-vectors.ts`. A test says when they are stale. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { generatedSuites } from './generated-suites.ts'
import { vectorsDir } from './vectors.ts'

for (const { file, ...suite } of generatedSuites()) {
  writeFileSync(path.join(vectorsDir, file), `${JSON.stringify(suite, null, 2)}\n`)
}
