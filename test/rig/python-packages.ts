import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from './go-programs.ts'

const run = promisify(execFile)

/** Python packages in a folder of their own, for PYTHONPATH: nothing of the machine's Python is changed. */
export interface PythonSource {
  readonly python: readonly string[]
  readonly file: string
}

export interface PythonMachine {
  readonly env: NodeJS.ProcessEnv
  /** The python3 command; undefined where there is none. */
  readonly python: string | undefined
}

/** Installs the packages into the cache folder, unless they are there. Of two runs at once the later one's copy goes. */
export async function installPythonPackages(source: PythonSource, { env, python }: PythonMachine): Promise<string> {
  const folder = cacheFolder(env)
  const names = source.python.join(' ')
  if (!python)
    throw new Error(`python3 is missing, and tests run a client of ${names} in it; install Python 3.9 or later`)
  const { stdout: version } = await run(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
  const content = createHash('sha256').update(`${names} ${version}`).digest('hex').slice(0, 8)
  const target = path.join(folder, `${source.file}@${content}`)
  if (existsSync(target)) return target

  await mkdir(folder, { recursive: true })
  const build = await mkdtemp(path.join(folder, '.build-'))
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', build, ...source.python]
  process.stderr.write(`rig: installing ${names} into ${target}\n`)
  try {
    await run(python, args, { env, maxBuffer: 2 ** 24 })
    await rename(build, target).catch(error => {
      if (!existsSync(target)) throw error
    })
  } catch (error) {
    const why = String((error as { stderr?: string }).stderr ?? error).trim()
    throw new Error(`${names} could not be installed: ${why}; try by hand: python3 -m pip install ${names}`, {
      cause: error,
    })
  } finally {
    await rm(build, { recursive: true, force: true })
  }
  return target
}
