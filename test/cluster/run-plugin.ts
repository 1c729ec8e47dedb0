import { PassThrough } from 'node:stream'
import { main } from '../../cli/main.ts'

export interface PluginRun {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs one command of `kubectl pulltrace` in this process; `seen` is told of its output so far, and ends it by answering true. */
export async function runPlugin(
  argv: readonly string[],
  { kubeconfig, limitMs }: { readonly kubeconfig: string; readonly limitMs: number },
  seen: (out: string, err: string) => boolean = () => false,
): Promise<PluginRun> {
  const stop = new AbortController()
  const text = { out: '', err: '' }
  const collect = (name: 'out' | 'err') =>
    new PassThrough().on('data', data => {
      text[name] += data
      if (seen(text.out, text.err)) stop.abort()
    }) as unknown as NodeJS.WriteStream
  const code = await main(argv, {
    env: { KUBECONFIG: kubeconfig },
    stdin: process.stdin,
    stdout: collect('out'),
    stderr: collect('err'),
    stop: AbortSignal.any([stop.signal, AbortSignal.timeout(limitMs)]),
    kill: new AbortController().signal,
    calledAs: 'kubectl-pulltrace',
  })
  // What was written last is still on its way through the stream.
  await new Promise(setImmediate)
  return { code, ...text }
}
