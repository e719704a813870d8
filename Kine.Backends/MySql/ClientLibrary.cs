using System.Runtime.InteropServices;

namespace Kine.Backends.MySql;

/// <summary>Loads MariaDB Connector/C, once a process.</summary>
internal static class ClientLibrary
{
    private static readonly Lazy<int> Initialized = new(static () => Native.Initialize(0, 0, 0));

    /// <summary>Throws <see cref="StoreRefusedException"/> with a sentence that says what to install when the library is not there.</summary>
    /// <param name="name">File name for the loader; another one only in tests.</param>
    public static void Require(string name = Native.Library)
    {
        if (!NativeLibrary.TryLoad(name, typeof(ClientLibrary).Assembly, null, out _))
        {
            throw new StoreRefusedException(
                $"mysql:// endpoints need the client library {name} (MariaDB Connector/C), which is not installed; the Debian and Ubuntu package is libmariadb3");
        }
        if (Initialized.Value != 0)
        {
            throw new StoreRefusedException($"the client library {name} failed to initialize with code {Initialized.Value}");
        }
    }
}
