using System.Runtime.InteropServices;

namespace Kine.Backends.MySql;

/// <summary>
/// One connection, used by one thread at a time; calls block. Every error becomes a <see cref="MySqlError"/>. The library's own reconnect is off: it
/// would continue half a transaction on a new session, unfenced.
/// </summary>
internal sealed unsafe class Connection : IDisposable
{
    private const uint Tcp = 1;
    private const uint UnixSocket = 2;

    // Every log-in that does not hand the password itself to the server.
    private const string SafePlugins = "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,parsec";
    private const string ClearPlugin = "mysql_clear_password";
    private nint _handle;

    private Connection(nint handle) => _handle = handle;

    /// <summary>True until an error of the connection itself, or of its use, closed it.</summary>
    public bool IsOpen => _handle != 0;

    /// <summary>Connects and logs in. Throws <see cref="MySqlError"/>.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="database">Database to use; null = none.</param>
    /// <param name="password">Password of this moment.</param>
    /// <param name="readTimeout">How long one answer may take.</param>
    public static Connection Open(MySqlOptions options, string? database, string password, TimeSpan readTimeout)
    {
        var handle = Native.Create(0);
        if (handle == 0)
        {
            throw new OutOfMemoryException("the MySQL client library has no memory for a connection");
        }

        try
        {
            Configure(handle, options, readTimeout);
            var socket = options.Socket.Length > 0;
            var connected = Native.Connect(
                handle, socket ? null : options.Host, options.User, password, database, (uint)options.Port, socket ? options.Socket : null, Native.MultiStatements);
            if (connected == 0)
            {
                throw NotConnected(LastError(handle, -1), options);
            }

            if (options.Tls is not (MySqlTls.Off or MySqlTls.Preferred) && Native.Cipher(handle) == 0)
            {
                throw new MySqlError(2026, "TLS was asked for, but the server does not offer it");
            }

            return new Connection(handle);
        }
        catch
        {
            Native.Close(handle);
            throw;
        }
    }

    private static void Configure(nint handle, MySqlOptions options, TimeSpan readTimeout)
    {
        Native.SetSwitch(handle, NativeOption.Reconnect, 0);
        Native.SetOption(handle, NativeOption.LocalInfile, 0u);
        Native.SetOption(handle, NativeOption.Charset, "utf8mb4");
        Native.SetOption(handle, NativeOption.MaxPacket, (nuint)1 << 30);
        Native.SetOption(handle, NativeOption.Protocol, options.Socket.Length > 0 ? UnixSocket : Tcp);
        Native.SetOption(handle, NativeOption.ConnectTimeout, Seconds(options.ConnectTimeout));
        Native.SetOption(handle, NativeOption.ReadTimeout, Seconds(readTimeout));
        Native.SetOption(handle, NativeOption.WriteTimeout, Seconds(options.WriteTimeout));
        Native.SetOption(handle, NativeOption.AddAttribute, "program_name", "kine");
        Native.SetOption(handle, NativeOption.AllowedPlugins, Plugins(options));
        if (options.Tls == MySqlTls.Off)
        {
            return;
        }

        Native.SetSwitch(handle, NativeOption.UseTls, 1);
        Native.SetSwitch(handle, NativeOption.VerifyServer, options.Tls == MySqlTls.Verify ? (byte)1 : (byte)0);
        if (options.CaFile.Length > 0)
        {
            Native.SetOption(handle, NativeOption.Authority, options.CaFile);
        }

        if (options.CertFile.Length > 0)
        {
            Native.SetOption(handle, NativeOption.ClientCertificate, options.CertFile);
        }

        if (options.KeyFile.Length > 0)
        {
            Native.SetOption(handle, NativeOption.ClientKey, options.KeyFile);
        }
        // Unless it has to verify the server, the library logs in without TLS where there is none, and the look at the cipher comes too late for a password.
        if (options.HandsOverPassword && options.Tls == MySqlTls.SkipVerify)
        {
            Native.SetOption(handle, NativeOption.Fingerprints, "");
        }
    }

    private static MySqlError NotConnected(MySqlError error, MySqlOptions options) =>
        error.Code == MySqlError.PluginNotAllowed && options.AllowCleartextPasswords && !options.HandsOverPassword
            ? new MySqlError(error.Code, $"{error.Text} The password itself is handed over only with tls=true or tls=skip-verify, or through a Unix socket")
            : error;

    // A server, or who pretends to be it, names the plugin: the password in clear text goes only where the endpoint allows it, and nobody can read it.
    private static string Plugins(MySqlOptions options)
    {
        var plugins = options.HandsOverPassword ? $"{SafePlugins},{ClearPlugin}" : SafePlugins;
        return options.AllowNativePasswords ? plugins : plugins["mysql_native_password,".Length..];
    }

    private static uint Seconds(TimeSpan time) => time <= TimeSpan.Zero ? 0 : (uint)Math.Ceiling(Math.Min(time.TotalSeconds, int.MaxValue));

    /// <summary>Runs the statements of one packet in order; the first that fails ends it, and the rest is not run.</summary>
    /// <param name="text">SQL, semicolons in between.</param>
    /// <param name="changed">Gets how many rows each statement changed, as far as there is room; -1 for a query.</param>
    /// <param name="visit">Called with the rows of all queries; what it throws closes the connection.</param>
    /// <returns>How many statements the server answered.</returns>
    public int Run(ReadOnlySpan<byte> text, Span<long> changed = default, RowVisitor? visit = null)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        fixed (byte* start = text)
        {
            // Not only 1 but also -1 is a failure, such as a connection that is gone.
            if (Native.Query(_handle, start, (nuint)text.Length) != 0)
            {
                throw LastError(_handle, 0);
            }
        }
        for (var statement = 0; ; statement++)
        {
            var rows = Native.FieldCount(_handle) > 0;
            if (statement < changed.Length)
            {
                changed[statement] = rows ? -1 : (long)Native.AffectedRows(_handle);
            }

            if (rows)
            {
                Visit(statement, visit);
            }

            var next = Native.NextResult(_handle);
            if (next > 0)
            {
                throw LastError(_handle, statement + 1);
            }

            if (next < 0)
            {
                return statement + 1;
            }
        }
    }

    /// <summary>Runs SQL that is known when the program is built.</summary>
    public int Run(string text, RowVisitor? visit = null) => Run(System.Text.Encoding.UTF8.GetBytes(text), default, visit);

    private void Visit(int statement, RowVisitor? visit)
    {
        var result = Native.UseResult(_handle);
        if (result == 0)
        {
            throw LastError(_handle, statement);
        }

        var done = false;
        try
        {
            byte** columns;
            while ((columns = Native.FetchRow(result)) is not null)
            {
                visit?.Invoke(new Row(columns, Native.FetchLengths(result)));
            }

            done = true;
        }
        finally
        {
            var code = Native.ErrorCode(_handle);
            Native.FreeResult(result);
            if (!done)
            {
                Dispose();
            }
            else if (code != 0)
            {
                throw LastError(_handle, statement);
            }
        }
    }

    private static MySqlError LastError(nint handle, int statement) => new(
        (int)Native.ErrorCode(handle), Marshal.PtrToStringUTF8(Native.ErrorText(handle)) ?? "", statement);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_handle != 0)
        {
            Native.Close(_handle);
        }

        _handle = 0;
    }
}
