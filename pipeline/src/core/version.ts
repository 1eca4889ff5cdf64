// The tool's own version, as it stands in every result. A test keeps it equal to the package's.
export const VERSION = '0.1.0';
