using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Kine.Backends.Nats;

/// <summary>
/// The functions used of the NATS C client (libnats.so.3.x). Only those on opaque handles: its option structs change between versions. Every int
/// returned is a natsStatus, 0 = good.
/// </summary>
internal static unsafe partial class NativeNats
{
    /// <summary>The call succeeded.</summary>
    public const int Ok = 0;

    /// <summary>NATS_CONNECTION_CLOSED: nothing was sent.</summary>
    public const int ConnectionClosed = 5;

    /// <summary>NATS_NO_SERVER: none of the servers took the connection.</summary>
    public const int NoServer = 6;

    /// <summary>NATS_CONNECTION_AUTH_FAILED.</summary>
    public const int AuthFailed = 11;

    /// <summary>NATS_SLOW_CONSUMER: the library dropped messages that came too fast.</summary>
    public const int SlowConsumer = 20;

    /// <summary>NATS_MAX_PAYLOAD: the message is larger than the server takes; nothing was sent.</summary>
    public const int MaxPayload = 21;

    private const string Library = "nats";
    private const string Package = "libnats3.4";
    private static readonly string[] Names = ["libnats.so.3", "libnats.so.3.4", "libnats.so"]; // Debian has only the second without its -dev package
    private static readonly string[] Folders =
        ["/usr/lib", "/usr/local/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib"];

    // An assembly takes one import resolver only, and other stores have libraries too: this event takes many.
    static NativeNats() => AssemblyLoadContext.Default.ResolvingUnmanagedDll += Resolve;

    /// <summary>Loads the library. Throws <see cref="StoreRefusedException"/> naming the package when it isn't there.</summary>
    /// <param name="file">File name to look for instead; only in tests.</param>
    public static void Load(string? file = null)
    {
        if (Find(file is null ? Names : [file]) == 0)
        {
            throw new StoreRefusedException(
                $"the NATS store needs the NATS C client (libnats.so.3), which is not installed or cannot be loaded; on Debian: apt-get install {Package}");
        }
    }

    /// <summary>Text of a status.</summary>
    public static string Text(int status) => Marshal.PtrToStringUTF8(natsStatus_GetText(status)) ?? $"status {status}";

    /// <summary>What the library says about this thread's last failed call.</summary>
    public static string LastError(int status)
    {
        int last;
        var text = Marshal.PtrToStringUTF8(nats_GetLastError(&last));
        return string.IsNullOrEmpty(text) || last != status ? Text(status) : $"{Text(status)}: {text}";
    }

    [LibraryImport(Library)]
    public static partial nint nats_GetVersion();

    [LibraryImport(Library)]
    private static partial nint natsStatus_GetText(int status);

    [LibraryImport(Library)]
    private static partial nint nats_GetLastError(int* status);

    [LibraryImport(Library)]
    public static partial int natsOptions_Create(out nint options);

    [LibraryImport(Library)]
    public static partial void natsOptions_Destroy(nint options);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_SetServers(nint options, string[] servers, int count);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_SetUserInfo(nint options, string user, string password);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_SetToken(nint options, string token);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_SetUserCredentialsFromFiles(nint options, string userOrChained, string? seed);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_SetNKeyFromSeed(nint options, string publicKey, string seedFile);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetTimeout(nint options, long milliseconds);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_SetName(nint options, string name);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetSecure(nint options, [MarshalAs(UnmanagedType.U1)] bool secure);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_LoadCATrustedCertificates(nint options, string file);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsOptions_LoadCertificatesChain(nint options, string certificates, string key);

    [LibraryImport(Library)]
    public static partial int natsOptions_SkipServerVerification(nint options, [MarshalAs(UnmanagedType.U1)] bool skip);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetAllowReconnect(nint options, [MarshalAs(UnmanagedType.U1)] bool allow);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetSendAsap(nint options, [MarshalAs(UnmanagedType.U1)] bool asap);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetPingInterval(nint options, long milliseconds);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetWriteDeadline(nint options, long milliseconds);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetClosedCB(nint options, delegate* unmanaged[Cdecl]<nint, nint, void> closed, nint closure);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetErrorHandler(nint options, delegate* unmanaged[Cdecl]<nint, nint, int, nint, void> failed, nint closure);

    [LibraryImport(Library)]
    public static partial int natsConnection_Connect(out nint connection, nint options);

    [LibraryImport(Library)]
    public static partial int natsOptions_SetIOBufSize(nint options, int bytes);

    [LibraryImport(Library)]
    public static partial void natsConnection_Close(nint connection);

    [LibraryImport(Library)]
    public static partial void natsConnection_Destroy(nint connection);

    [LibraryImport(Library)]
    public static partial long natsConnection_GetMaxPayload(nint connection);

    [LibraryImport(Library)]
    public static partial int natsConnection_HasHeaderSupport(nint connection);

    [LibraryImport(Library)]
    public static partial int natsConnection_GetLastError(nint connection, out nint text);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsConnection_Subscribe(
        out nint subscription, nint connection, string subject, delegate* unmanaged[Cdecl]<nint, nint, nint, nint, void> received, nint closure);

    [LibraryImport(Library)]
    public static partial int natsSubscription_SetPendingLimits(nint subscription, int messages, int bytes);

    [LibraryImport(Library)]
    public static partial void natsSubscription_Destroy(nint subscription);

    [LibraryImport(Library)]
    public static partial int natsConnection_PublishMsg(nint connection, nint message);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int natsMsg_Create(out nint message, string subject, string reply, byte* data, int length);

    [LibraryImport(Library)]
    public static partial void natsMsg_Destroy(nint message);

    [LibraryImport(Library)]
    public static partial nint natsMsg_GetSubject(nint message);

    [LibraryImport(Library)]
    public static partial byte* natsMsg_GetData(nint message);

    [LibraryImport(Library)]
    public static partial int natsMsg_GetDataLength(nint message);

    [LibraryImport(Library)]
    public static partial int natsMsgHeader_Set(nint message, byte* name, byte* value);

    [LibraryImport(Library)]
    public static partial int natsMsgHeader_Get(nint message, byte* name, byte** value);

    private static nint Resolve(Assembly assembly, string name) => name == Library ? Find(Names) : 0;

    private static nint Find(string[] names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, out var handle))
            {
                return handle;
            }
        }
        foreach (var folder in Folders.Where(Directory.Exists))
        {
            foreach (var file in Directory.GetFiles(folder, names[0] + "*").Order(StringComparer.Ordinal))
            {
                if (NativeLibrary.TryLoad(file, out var handle))
                {
                    return handle;
                }
            }
        }
        return 0;
    }
}
