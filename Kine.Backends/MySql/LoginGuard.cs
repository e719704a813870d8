using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.MySql;

/// <summary>
/// Ends log-ins that the settings do not allow. The client library answers whatever log-in a server, or who pretends to be it, names: it hands over the
/// password itself over any TLS and any loopback connection. It has no list of what is allowed, but logs the name before it answers, and what that
/// throws ends the connection. It also logs why a server could not be reached, which its exception leaves out.
/// </summary>
internal sealed class LoginGuard(MySqlOptions options) : ILoggerFactory, ILogger
{
    private const string SessionCategory = "MySqlConnector.MySqlConnection";

    // Ids of MySqlConnector 2.6's log.
    private const int ServerNamesPlugin = 2101;
    private const int ServerHasNoTls = 2105;
    private const int SwitchingPlugin = 2115;
    private const int NameNotResolved = 2121;
    private const int AddressNotReached = 2124;
    private const int NextAddressNotReached = 2125;

    private readonly AsyncLocal<StrongBox<Exception?>?> _reason = new();

    /// <summary>Begins to note why a connection that is opened in this flow of control cannot be; null = the library did not say.</summary>
    public StrongBox<Exception?> Begin() => _reason.Value = new StrongBox<Exception?>();

    public ILogger CreateLogger(string categoryName) =>
        categoryName == SessionCategory ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        switch (eventId.Id)
        {
            case ServerNamesPlugin:
                CheckNative(Value(state, "AuthPluginName"));
                break;
            case SwitchingPlugin:
                CheckNative(Value(state, "AuthenticationMethod"));
                CheckClear(Value(state, "AuthenticationMethod"));
                break;
            case ServerHasNoTls:
                throw new LoginRefusedException("TLS was asked for, but the server does not offer it");
            case NameNotResolved or AddressNotReached or NextAddressNotReached:
                if (exception is not null && _reason.Value is { } reason)
                    reason.Value = exception;

                break;
            default:
                break;
        }
    }

    private void CheckNative(string plugin)
    {
        if (plugin == "mysql_native_password" && !options.AllowNativePasswords)
            throw new LoginRefusedException("the server asks for mysql_native_password, which allowNativePasswords=false excludes");
    }

    private void CheckClear(string plugin)
    {
        if (plugin != "mysql_clear_password" || options.HandsOverPassword)
            return;

        throw new LoginRefusedException(
            options.AllowCleartextPasswords
                ? "the server asks for the password itself, which is handed over only with tls=true or tls=skip-verify, or through a Unix socket"
                : "the server asks for the password itself (mysql_clear_password), which only allowCleartextPasswords=true allows");
    }

    private static string Value<TState>(TState state, string name)
    {
        if (state is IReadOnlyList<KeyValuePair<string, object?>> values)
        {
            foreach ((var key, var value) in values)
            {
                if (key == name && value is string text)
                    return text;
            }
        }
        throw new LoginRefusedException("the client library no longer says which log-in the server asks for");
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("it logs nowhere");

    public void Dispose()
    {
    }
}
