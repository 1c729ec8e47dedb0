/**
 * The words and bounds that both sides of a border know, without the schemas made of them: a program that only
 * speaks the contract, as the agent does, does not carry the schema library.
 */

/** Where a pull stands. `completed`, `failed` and `unknown` are ends; `queued` exists only where pods are watched. */
export const phases = [
  'queued',
  'resolving',
  'downloading',
  'unpacking',
  'lazy',
  'completed',
  'failed',
  'unknown',
] as const
export type Phase = (typeof phases)[number]

export const terminalPhases = ['completed', 'failed', 'unknown'] as const
export type TerminalPhase = (typeof terminalPhases)[number]
export const isTerminal = (phase: Phase): phase is TerminalPhase =>
  phase === 'completed' || phase === 'failed' || phase === 'unknown'

/** Phases an agent can see; `queued` is the server's. */
export const reportedPhases = phases.filter(phase => phase !== 'queued')
export type ReportedPhase = (typeof reportedPhases)[number]

/** Why a pull failed, as a word that can be counted. Never renamed. */
export const errorCodes = [
  'NotFound',
  'Unauthorized',
  'TooManyRequests',
  'ConnectionRefused',
  'DnsError',
  'TlsError',
  'Timeout',
  'ProgressTimeout',
  'DigestMismatch',
  'NoSpace',
  'UnpackFailed',
  'Cancelled',
  'Unknown',
] as const
export type ErrorCode = (typeof errorCodes)[number]

export const layerStates = ['waiting', 'downloading', 'downloaded', 'unpacking', 'done', 'cached'] as const
export type LayerState = (typeof layerStates)[number]

/** 26 characters of lower-case base32: SHA-256(node, containerd namespace, lease id, lease creation time). */
export const pullIdPattern = '^[a-z2-7]{26}$'

/** The image of a pull whose registry has not answered yet. */
export const unresolvedImage = '(unresolved)'

/** After decompression. Agents stay under `agentReportBytes`, so that a larger one is a fault, not bad luck. */
export const maxReportBytes = 4 * 1024 * 1024
export const agentReportBytes = 3 * 1024 * 1024

/** Most that a report may say of one pull. Characters, and layers; registries and clients may send more. */
export const pullBounds = {
  imageRef: 1024,
  repository: 512,
  digest: 512,
  platform: 128,
  mediaType: 255,
  layers: 4096,
} as const
