using System.Runtime.InteropServices;

namespace Kine.Backends.Sqlite;

/// <summary>
/// SQLite's column functions, called without what a call of native code costs elsewhere: a scan calls them seven times a row, and they only copy out of the row
/// that the last step has left. Counting references on a handle at each call took a quarter of the time of a start. The statement must not end meanwhile.
/// </summary>
internal static unsafe partial class SqliteColumns
{
    private const string Library = "e_sqlite3"; // the one that SQLitePCLRaw has loaded

    [LibraryImport(Library, EntryPoint = "sqlite3_column_int64"), SuppressGCTransition]
    public static partial long Int64(nint statement, int column);

    /// <summary>The first byte, null when there is none.</summary>
    [LibraryImport(Library, EntryPoint = "sqlite3_column_blob"), SuppressGCTransition]
    public static partial byte* Blob(nint statement, int column);

    /// <summary>The number of bytes, asked for after the first one.</summary>
    [LibraryImport(Library, EntryPoint = "sqlite3_column_bytes"), SuppressGCTransition]
    public static partial int Bytes(nint statement, int column);
}
