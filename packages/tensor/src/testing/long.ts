/** Whether the long mode was asked for (npm run test:long). A browser has no environment: the short mode. */
export const isLong = Boolean((globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env.ATTUNE_LONG);
