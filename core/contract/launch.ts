/** How a program is started where only its bundle is: in the image, and by the pods that the operator makes of it. */
export interface Launch {
  /** For `command` of a container. No shell is needed, and the image has none. */
  readonly command: readonly string[]
  /** Read by libc and Node before the program's first line, so they cannot be settings of the program. */
  readonly env: Readonly<Record<string, string>>
}

/** Where the image has Node and the bundles. */
export const nodeFile = '/usr/local/bin/node'
export const bundleFolder = '/app'

/** The user and group of every program in the image; its files belong to root and can only be read. */
export const imageUser = 65532

const launchOf = (name: string, flags: readonly string[] = [], env: Launch['env'] = {}): Launch => ({
  command: [nodeFile, ...flags, `${bundleFolder}/${name}.mjs`],
  env,
})

/**
 * A small process on every node, measured by bench/agent.ts:
 * - `--max-semi-space-size=1`: what a look makes is garbage after it: 3 MiB for the young, instead of up to 48.
 * - `--no-opt --no-maglev`: milliseconds of work each interval never repay code that is compiled to be fast: with less
 *   of it both memory and time fall.
 * - `--single-threaded-gc`: a heap this small is collected faster than helper threads are woken.
 * - `--v8-pool-size=1`: nothing is left for those threads to do.
 * - `--max-old-space-size=256`: room for 20,000 ended pulls that a server does not take for days, and not for a leak.
 */
const agentFlags: readonly string[] = [
  '--max-semi-space-size=1',
  '--no-opt',
  '--no-maglev',
  '--single-threaded-gc',
  '--v8-pool-size=1',
  '--max-old-space-size=256',
]

/**
 * - `MALLOC_ARENA_MAX`: one heap for malloc instead of one for each thread: hardly more than one works.
 * - `UV_THREADPOOL_SIZE`: threads for files and names. Not one: while a name is looked up, the socket of containerd
 *   must still be looked at.
 */
const agentEnv: Launch['env'] = { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '2' }

/**
 * Each report replaces the state of its node, so that the old heap turns over at a few MiB a second. V8 sees time to
 * spare and then collects the whole heap about once a second: with 1,000 nodes that took more than a third of the CPU.
 * `--heap-growing-percent=100`: collected when it has doubled. Measured by bench/ingest.ts.
 */
const serverFlags: readonly string[] = ['--heap-growing-percent=100']

/**
 * It idles for hours and wakes for milliseconds: idle it holds 42 MiB of its own with these, and 56 without, and takes no
 * more time (one PulltraceConfig, bundled).
 */
const operatorFlags: readonly string[] = ['--max-semi-space-size=1']
const operatorEnv: Launch['env'] = { MALLOC_ARENA_MAX: '1' }

/** One image, a command each. A test holds the launchers in bin/ to the same flags. */
export const launch = {
  agent: launchOf('pulltrace-agent', agentFlags, agentEnv),
  server: launchOf('pulltrace-server', serverFlags),
  sensorApi: launchOf('tk-sensor-api'),
  webUi: launchOf('tk-web-ui'),
  operator: launchOf('pulltrace-operator', operatorFlags, operatorEnv),
  cli: launchOf('pulltrace'),
} as const satisfies Record<string, Launch>
