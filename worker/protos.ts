// The package is CommonJS: its names are not importable one by one at run time.
import protos from '@temporalio/proto';

export const { temporal } = protos;
