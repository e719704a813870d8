using Kine.Backends.Endpoints;

namespace Kine.Backends.MySql;

/// <summary>How a connection is encrypted; go-sql-driver's <c>tls</c>.</summary>
public enum MySqlTls
{
    /// <summary>Not at all.</summary>
    Off,

    /// <summary>When the server offers it, without a look at its certificate.</summary>
    Preferred,

    /// <summary>Always, without a look at the server's certificate.</summary>
    SkipVerify,

    /// <summary>Always; chain and name of the server's certificate must be right.</summary>
    Verify,
}

/// <summary>Settings of the MySQL and MariaDB store.</summary>
public sealed record MySqlOptions
{
    private const int MostReaders = 4;

    /// <summary>Host name or address; without meaning where a socket is named.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>TCP port.</summary>
    public int Port { get; init; } = 3306;

    /// <summary>Path of a Unix socket; empty = TCP.</summary>
    public string Socket { get; init; } = "";

    /// <summary>User name.</summary>
    public string User { get; init; } = "root";

    /// <summary>Password; empty = none.</summary>
    public string Password { get; init; } = "";

    /// <summary>Asked for the password of every new connection, on a thread of the store's; null = <see cref="Password"/>.</summary>
    public Func<CancellationToken, ValueTask<string>>? PasswordProvider { get; init; }

    /// <summary>Database name; created when it is not there.</summary>
    public string Database { get; init; } = "kubernetes";

    /// <summary>Encryption.</summary>
    public MySqlTls Tls { get; init; }

    /// <summary>
    /// True lets the server ask for the password itself, as PAM and cloud log-ins by token need: over TLS that was asked for, or a socket, and nowhere else. Who
    /// is at the other end is only certain with <see cref="MySqlTls.Verify"/>.
    /// </summary>
    public bool AllowCleartextPasswords { get; init; }

    /// <summary>True when the password itself may be handed over: nobody on the way can read it.</summary>
    internal bool HandsOverPassword => AllowCleartextPasswords && (Socket.Length > 0 || Tls is MySqlTls.SkipVerify or MySqlTls.Verify);

    /// <summary>False refuses log-ins by mysql_native_password.</summary>
    public bool AllowNativePasswords { get; init; } = true;

    /// <summary>How long connecting and logging in may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one answer may take; an append that takes longer has an unknown outcome.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Further session variables as <c>name=value</c> in SQL, in the endpoint's order; where the store sets the same one, it wins.</summary>
    public IReadOnlyList<string> SessionVariables { get; init; } = [];

    /// <summary>What the command line says.</summary>
    public StoreSettings Settings { get; init; } = new();

    /// <summary>Connections that read; one more of the limit writes.</summary>
    internal int Readers => Settings.MaxOpenConnections > 0 ? Math.Clamp(Settings.MaxOpenConnections - 1, 1, MostReaders) : MostReaders;

    /// <summary>False = a connection that reads is closed after each use.</summary>
    internal bool KeepIdle => Settings.MaxIdleConnections >= 0;

    /// <summary>Kind and place for people, without secrets.</summary>
    internal string Place => Socket.Length > 0 ? $"mysql {Socket} {Database}" : $"mysql {(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port}/{Database}";

    /// <summary>The place; a record's own text would show the password.</summary>
    public override string ToString() => Place;
}
