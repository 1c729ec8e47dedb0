import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { findProgram } from '../test/rig/programs.ts'

/** Makes install.yaml, what `kubectl apply -k config/default` applies as one file; with --check it only compares. */
export async function installYaml(): Promise<string> {
  const folder = path.join(import.meta.dirname, 'default')
  const { stdout } = await promisify(execFile)(await findProgram('kustomize'), ['build', folder])
  return `# Made by \`make update-generated\` from config/default; do not edit.\n${stdout}`
}

if (import.meta.main) {
  const file = path.join(import.meta.dirname, 'install.yaml')
  const wanted = await installYaml()
  const fresh = (await readFile(file, 'utf8').catch(() => '')) === wanted
  if (!fresh && process.argv.includes('--check')) {
    console.log('config/install.yaml is stale: run `make update-generated`')
    process.exitCode = 1
  } else if (!fresh) {
    await writeFile(file, wanted)
    console.log('config/install.yaml made again')
  }
}
