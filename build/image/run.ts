import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Runs a program of this machine. Its failure says the command, what it said, and which package has it. */
export async function run(from: string, command: string, args: readonly string[], cwd?: string): Promise<Buffer> {
  try {
    const options = { encoding: 'buffer', maxBuffer: 2 ** 30, ...(cwd !== undefined && { cwd }) } as const
    const { stdout } = await promisify(execFile)(command, [...args], options)
    return stdout
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: Buffer }
    if (code === 'ENOENT') {
      throw new Error(`${command} is missing, and the image is made with it; install ${from}, or use the Dockerfile`)
    }
    throw new Error(`${command} ${args.join(' ')}: ${stderr?.toString().trim() || error}`, { cause: error })
  }
}
