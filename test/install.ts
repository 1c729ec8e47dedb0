import { findProgram, programNames } from './rig/programs.ts'

// Installs what the tests with real programs need. Every missing one is named, not only the first.
let missing = 0
for (const name of programNames) {
  try {
    process.stdout.write(`${name}: ${await findProgram(name)}\n`)
  } catch (error) {
    missing += 1
    process.stderr.write(`${name}: ${(error as Error).message}\n`)
  }
}
process.exitCode = missing === 0 ? 0 : 1
