using System.Runtime.InteropServices;

namespace Kine.Backends.MySql;

/// <summary>
/// The functions of MariaDB Connector/C that this store calls, on opaque handles only: no structure of the library is laid out here, so that any release
/// with this soname will do.
/// </summary>
internal static unsafe partial class Native
{
    /// <summary>Name the loader looks for.</summary>
    public const string Library = "libmariadb.so.3";

    /// <summary>Client flag: several statements in one packet, several results.</summary>
    public const nuint MultiStatements = (1 << 16) | (1 << 17);

    /// <summary>Once a process, before any other call: it is not safe beside another one.</summary>
    [LibraryImport(Library, EntryPoint = "mysql_server_init")]
    public static partial int Initialize(int argumentCount, nint arguments, nint groups);

    [LibraryImport(Library, EntryPoint = "mysql_init")]
    public static partial nint Create(nint none);

    [LibraryImport(Library, EntryPoint = "mysql_options")]
    public static partial int SetOption(nint handle, NativeOption option, in uint value);

    [LibraryImport(Library, EntryPoint = "mysql_options")]
    public static partial int SetOption(nint handle, NativeOption option, in nuint value);

    [LibraryImport(Library, EntryPoint = "mysql_options")]
    public static partial int SetSwitch(nint handle, NativeOption option, in byte value);

    [LibraryImport(Library, EntryPoint = "mysql_options", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetOption(nint handle, NativeOption option, string value);

    [LibraryImport(Library, EntryPoint = "mysql_options4", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetOption(nint handle, NativeOption option, string name, string value);

    [LibraryImport(Library, EntryPoint = "mysql_real_connect", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint Connect(
        nint handle, string? host, string user, string password, string? database, uint port, string? socket, nuint flags);

    [LibraryImport(Library, EntryPoint = "mysql_close")]
    public static partial void Close(nint handle);

    /// <summary>0 = the first statement was answered; anything else, -1 included, = it failed or was not sent.</summary>
    [LibraryImport(Library, EntryPoint = "mysql_real_query")]
    public static partial int Query(nint handle, byte* text, nuint length);

    [LibraryImport(Library, EntryPoint = "mysql_use_result")]
    public static partial nint UseResult(nint handle);

    [LibraryImport(Library, EntryPoint = "mysql_fetch_row")]
    public static partial byte** FetchRow(nint result);

    [LibraryImport(Library, EntryPoint = "mysql_fetch_lengths")]
    [SuppressGCTransition]
    public static partial nuint* FetchLengths(nint result);

    /// <summary>Reads what is left of the result from the connection.</summary>
    [LibraryImport(Library, EntryPoint = "mysql_free_result")]
    public static partial void FreeResult(nint result);

    /// <summary>0 = there is one more, -1 = that was the last, above = it failed.</summary>
    [LibraryImport(Library, EntryPoint = "mysql_next_result")]
    public static partial int NextResult(nint handle);

    [LibraryImport(Library, EntryPoint = "mysql_field_count")]
    [SuppressGCTransition]
    public static partial uint FieldCount(nint handle);

    [LibraryImport(Library, EntryPoint = "mysql_affected_rows")]
    [SuppressGCTransition]
    public static partial ulong AffectedRows(nint handle);

    [LibraryImport(Library, EntryPoint = "mysql_errno")]
    [SuppressGCTransition]
    public static partial uint ErrorCode(nint handle);

    [LibraryImport(Library, EntryPoint = "mysql_error")]
    public static partial nint ErrorText(nint handle);

    /// <summary>Null when the connection is not encrypted.</summary>
    [LibraryImport(Library, EntryPoint = "mysql_get_ssl_cipher")]
    public static partial nint Cipher(nint handle);
}
