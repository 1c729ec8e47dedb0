export * from '../core/lib/format.ts'
