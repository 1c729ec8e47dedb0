import { setTimeout as delay } from 'node:timers/promises'
import { nodeFile } from '../core/contract/launch.ts'
import { untilServed } from '../test/cluster/kinds.ts'
import { agents, openStory, type Story, system } from '../test/cluster/story.ts'
import { median, table } from './measure.ts'

/**
 * What the pods of a cluster with one node cost, as they are shipped: the image, the limits, the default interval; idle,
 * and beside 10 pulls of 10 layers at once. On a real Kubernetes, so as root.
 */
const seconds = Number(process.env['POD_SECONDS'] ?? 60)
const pods = [
  { name: 'agent', namespace: agents, pod: 'daemonset/pulltrace-agent' },
  { name: 'server', namespace: system, pod: 'pod/pulltrace-server-0' },
  { name: 'operator', namespace: system, pod: 'deployment/pulltrace-operator' },
]

interface Figures {
  readonly cpuMs: number
  readonly anonymousMiB: number
  readonly rssMiB: number
}

/** Of the program alone: what looks from inside the pod is a process of its own. */
async function look(story: Story, { namespace, pod }: (typeof pods)[number]): Promise<Figures> {
  const script = `const read = name => require('fs').readFileSync('/proc/1/' + name, 'utf8')
    const [user, kernel] = read('stat').replace(/^.*\\) /, '').split(' ').slice(11, 13)
    const kilobytes = name => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(read('status'))[1])
    console.log(JSON.stringify({
      cpuMs: (Number(user) + Number(kernel)) * 10, // clock ticks: 100 a second on every Linux that containers run on
      anonymousMiB: kilobytes('RssAnon') / 1024,
      rssMiB: kilobytes('VmRSS') / 1024,
    }))`
  return JSON.parse(await story.kubectl('exec', `-n=${namespace}`, pod, '--', nodeFile, '-e', script)) as Figures
}

/** From the start of `kubectl patch` to the first report at the new interval. */
async function patched(story: Story, reportInterval: string, intervalMs: number): Promise<number> {
  const startMs = Date.now()
  await story.kubectl(
    'patch',
    'ptc',
    'pulltrace',
    '--type=merge',
    `--patch={"spec":{"reportInterval":"${reportInterval}"}}`,
  )
  return (await story.firstReportAt(intervalMs)) - startMs
}

async function measured(story: Story): Promise<Figures[]> {
  const before = await Promise.all(pods.map(pod => look(story, pod)))
  await delay(seconds * 1000)
  const after = await Promise.all(pods.map(pod => look(story, pod)))
  return after.map((each, i) => ({ ...each, cpuMs: ((each.cpuMs - before[i]!.cpuMs) / seconds) * 60 }))
}

const story = await openStory()
const stop = new AbortController()
try {
  await story.kubectl('apply', '-f', 'config/install.yaml')
  await untilServed(story.cluster, 'pulltraceconfigs')
  await story.kubectl('apply', '-f', 'config/samples/pulltraceconfig.yaml')
  await story.kubectl('wait', '--for=condition=Ready', 'ptc/pulltrace', '--timeout=150s')
  await story.look()
  // What starting took is not part of what idling takes.
  await delay(20_000)
  const idle = await measured(story)

  const { cluster } = story
  const names = Array.from({ length: 10 }, (_, i) => `bench/app-${i}`)
  const layers = Array.from({ length: 10 }, () => ({ bytes: 4_000_000 }))
  const images = await Promise.all(names.map(name => cluster.push({ name, layers })))
  // A slow trickle: ingests move, and no pull ends while it is measured, should it get all of it.
  cluster.proxy.limit(images[0]!.totalBytes / (seconds * 2))
  // All at once: the kubelet of this cluster would pull one after the other.
  const pulls = images.map(image => cluster.nodes[0]!.cri.pull(image.ref(cluster.registryHost), stop.signal))
  const ended = Promise.race(pulls).then(() => Promise.reject(new Error('a pull ended while it was measured')))
  ended.catch(() => {})
  await story.event('all pulls', () => new Set(story.events.map(({ pull }) => pull.id)).size >= images.length)
  const busy = await Promise.race([measured(story), ended])
  stop.abort()
  await Promise.allSettled(pulls)

  const quicker: number[] = []
  const slower: number[] = []
  for (let sample = 0; sample < 10; sample += 1) {
    quicker.push(await patched(story, '500ms', 500))
    slower.push(await patched(story, '2s', 2000))
  }
  const row = (state: string, figures: readonly Figures[]) =>
    pods.map(({ name }, i) => {
      const { cpuMs, anonymousMiB, rssMiB } = figures[i]!
      return [name, state, `${cpuMs.toFixed(0)} ms`, `${anonymousMiB.toFixed(1)} MiB`, `${rssMiB.toFixed(1)} MiB`]
    })
  const head = ['pod', 'the node', 'CPU a minute', 'anonymous', 'RSS']
  console.log(`### Pods as shipped, interval 2 s, ${seconds} s each\n`)
  console.log(table([head, ...row('idle', idle), ...row('10 pulls x 10 layers', busy)]))
  const times = (change: string, all: readonly number[]) => [
    change,
    `${median(all)} ms`,
    `${Math.max(...all)} ms`,
    all.length,
  ]
  const first = [['reportInterval', 'first report at it, p50', 'max', 'samples']]
  console.log(`\n${table([...first, times('2s to 500ms', quicker), times('500ms to 2s', slower)])}`)
} finally {
  stop.abort()
  await story.stop()
}
