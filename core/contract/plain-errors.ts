import type { ErrorCode } from './words.ts'

/** What happened, in the words of someone who waits for the image. */
export const plainErrors: Record<ErrorCode, string> = {
  NotFound: 'the registry has no such image',
  Unauthorized: 'the registry wants other credentials',
  TooManyRequests: 'the registry limits how often one may pull',
  ConnectionRefused: 'nothing listens at the registry',
  DnsError: 'there is no host of that name',
  TlsError: "the registry's certificate is not trusted",
  Timeout: 'the registry took too long',
  ProgressTimeout: 'no byte came for too long',
  DigestMismatch: 'the bytes are not what was promised',
  NoSpace: 'the disk is full',
  UnpackFailed: 'a layer could not be unpacked',
  Cancelled: 'it was cancelled',
  Unknown: 'the reason is not known',
}
