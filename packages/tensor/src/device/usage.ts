/** GPUBufferUsage and GPUMapMode by number: the globals exist in browsers only. */
export const GPU_USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128, QUERY_RESOLVE: 512 } as const;
export const GPU_MAP_READ = 1;
