using System.Runtime.InteropServices;

namespace Kine.Backends.Identity;

/// <summary>What is used of MIT Kerberos (krb5.h) and of the C library; GSSAPI finds its credentials through the same state. Codes other than 0 are errors.</summary>
internal static unsafe partial class Krb5
{
    private const string Library = "libkrb5.so.3";

    /// <summary>Type of a principal that is a service on a host.</summary>
    public const int ServiceOnHost = 3;

    /// <summary>Sets a variable of the process as C libraries see it; .NET's own method changes a copy.</summary>
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    public static partial int SetVariable(string name, string value, int overwrite);

    [LibraryImport(Library, EntryPoint = "krb5_init_context")]
    public static partial int CreateContext(out nint context);

    [LibraryImport(Library, EntryPoint = "krb5_free_context")]
    public static partial void FreeContext(nint context);

    [LibraryImport(Library, EntryPoint = "krb5_get_error_message")]
    public static partial nint ErrorMessage(nint context, int code);

    [LibraryImport(Library, EntryPoint = "krb5_free_error_message")]
    public static partial void FreeErrorMessage(nint context, nint message);

    [LibraryImport(Library, EntryPoint = "krb5_parse_name", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ParseName(nint context, string name, out nint principal);

    [LibraryImport(Library, EntryPoint = "krb5_sname_to_principal", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ServicePrincipal(nint context, string host, string service, int type, out nint principal);

    [LibraryImport(Library, EntryPoint = "krb5_free_principal")]
    public static partial void FreePrincipal(nint context, nint principal);

    [LibraryImport(Library, EntryPoint = "krb5_kt_resolve", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenKeytab(nint context, string name, out nint keytab);

    [LibraryImport(Library, EntryPoint = "krb5_kt_have_content")]
    public static partial int KeytabHasContent(nint context, nint keytab);

    [LibraryImport(Library, EntryPoint = "krb5_kt_close")]
    public static partial int CloseKeytab(nint context, nint keytab);

    [LibraryImport(Library, EntryPoint = "krb5_cc_resolve", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenCache(nint context, string name, out nint cache);

    [LibraryImport(Library, EntryPoint = "krb5_cc_default")]
    public static partial int OpenDefaultCache(nint context, out nint cache);

    [LibraryImport(Library, EntryPoint = "krb5_cc_initialize")]
    public static partial int InitializeCache(nint context, nint cache, nint principal);

    [LibraryImport(Library, EntryPoint = "krb5_cc_get_principal")]
    public static partial int CachePrincipal(nint context, nint cache, out nint principal);

    [LibraryImport(Library, EntryPoint = "krb5_cc_store_cred")]
    public static partial int Store(nint context, nint cache, Credentials* credentials);

    [LibraryImport(Library, EntryPoint = "krb5_cc_close")]
    public static partial int CloseCache(nint context, nint cache);

    [LibraryImport(Library, EntryPoint = "krb5_cc_destroy")]
    public static partial int DestroyCache(nint context, nint cache);

    [LibraryImport(Library, EntryPoint = "krb5_get_init_creds_keytab")]
    public static partial int LogIn(nint context, Credentials* credentials, nint client, nint keytab, int start, nint service, nint options);

    [LibraryImport(Library, EntryPoint = "krb5_get_credentials")]
    public static partial int GetTicket(nint context, int options, nint cache, Credentials* wanted, out nint credentials);

    [LibraryImport(Library, EntryPoint = "krb5_free_cred_contents")]
    public static partial void FreeCredentialsContents(nint context, Credentials* credentials);

    [LibraryImport(Library, EntryPoint = "krb5_free_creds")]
    public static partial void FreeCredentials(nint context, nint credentials);

    /// <summary><c>krb5_creds</c>: its first members, and room for all others.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 512)]
    public struct Credentials
    {
        private readonly int _magic;

        /// <summary>Principal that the ticket is for.</summary>
        public nint Client;

        /// <summary>Principal that takes the ticket.</summary>
        public nint Server;
    }
}
